"""Policies whose responses to the same held-out prompts were kept: at several moments of a run, and of other runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.principles.bank import Principle, load_bank
from salmon.runtime.artifact import MANIFEST, open_artifact
from salmon.runtime.jsonl import Record, read_records
from salmon.tracking.metrics_file import TABLES
from salmon.view.job.reached import CHECK
from salmon.view.job.record import JobRecord, StageRecord

STAGES = ("ppo", "dpo", "best_of_n")  # that keep responses
RESPONSES = "responses"  # the table that has them
MOST_OTHERS = 2  # policies of other runs that are shown beside the job's own


@dataclass(frozen=True)
class Policy:
    """A policy at one moment of its run."""

    title: str  # "before PPO", "best, after 4 updates"
    stage: StageRecord
    step: int
    config: Mapping[str, Any]

    @cached_property
    def responses(self) -> dict[str, Record]:
        """Prompt -> what was kept of it: response, score, names of the principles shown."""
        return {str(row.get("prompt")): row for row in read_responses(self.stage.folder, self.step)}

    @cached_property
    def principles(self) -> dict[str, Principle]:
        """What it is rewarded and watched by, by name; none where a user's bank is not at hand."""
        return known_principles(self.config)

    @property
    def measured(self) -> dict[str, float | None]:
        """Mean verdict of each monitored check on all held-out prompts, by principle."""
        row: Record = next((row for row in reversed(self.stage.rows) if _is_measured(row, self.step)), {})
        return {name.removeprefix(CHECK): value for name, value in row.items() if name.startswith(CHECK)}


def response_steps(folder: Path) -> list[int]:
    """Steps of a run at which responses were kept, ascending."""
    found = (path.stem.rpartition("_")[2] for path in (folder / TABLES).glob(f"{RESPONSES}_*.jsonl"))
    return sorted(int(step) for step in found if step.isdecimal())


def read_responses(folder: Path, step: int) -> list[Record]:
    """What a run kept of its responses at a step.

    Raises:
        SalmonError: the table is damaged.
    """
    return read_records(folder / TABLES / f"{RESPONSES}_{step}.jsonl")


def principle_names(shown: object) -> list[str]:
    """Names in the column ``principles`` of kept responses: the principles that one was scored under."""
    return [name for name in shown.split(", ") if name] if isinstance(shown, str) else []


def known_principles(config: Mapping[str, Any]) -> dict[str, Principle]:
    """The principles that a run is rewarded and watched by, by name; those of a bank that is not at hand are left out.

    Args:
        config: of the run.
    """
    settings = config.get("principles", {})
    found: dict[str, Principle] = {}
    for bank in (settings.get(key) for key in ("monitor", "interventions", "rl")):
        try:
            loaded = load_bank(bank).principles if isinstance(bank, str) else ()
        except SalmonError:  # the file is where the job ran
            continue
        found |= {principle.name: principle for principle in loaded}
    return found


def policies_of(job: JobRecord) -> list[Policy]:
    """The moments of the job's policy, then the last ones of others that the same reward model trained.

    Raises:
        SalmonError: a record is damaged.
    """
    stage = next((one for name in STAGES if (one := job.of(name)) is not None and response_steps(one.folder)), None)
    if stage is None:
        return []
    config = stage.artifact.manifest.get("config", job.config) if stage.artifact else job.config
    own = [Policy(title, stage, step, config) for step, title in _moments(stage).items()]
    return own + [
        Policy(
            f"last, under other principles: {_principles(other)}",
            other,
            response_steps(other.folder)[-1],
            _config(other),
        )
        for other in list(_others(stage))[:MOST_OTHERS]
    ]


def _moments(stage: StageRecord) -> dict[int, str]:
    """Step -> title."""
    steps = response_steps(stage.folder)
    kept = stage.artifact.steps if stage.artifact else {}
    unit = "updates" if stage.stage == "ppo" else "steps"
    titles = {0: f"before {stage.stage}"} if 0 in steps else {}
    last = steps[-1]
    for name, step in kept.items():
        if step in steps and "best" in name:
            titles[step] = f"best, after {step} {unit}" if step else f"before {stage.stage}, which is the best"
    if last not in titles:
        titles[last] = f"{'last' if stage.artifact else 'so far'}, after {last} {unit}"
    elif last:
        titles[last] = f"last and best, after {last} {unit}"
    return dict(sorted(titles.items()))


def _others(stage: StageRecord) -> Iterator[StageRecord]:
    """The newest finished run from the same artifacts under each other set of principles, the newest first."""
    if stage.artifact is None or not stage.upstream:
        return
    found = []
    for path in stage.folder.resolve().parent.glob(f"*/{MANIFEST}"):
        try:
            other = StageRecord(stage.stage, path.parent, artifact=open_artifact(path.parent))
        except SalmonError:
            continue
        if (
            other.upstream == stage.upstream
            and _principles(other) != _principles(stage)
            and response_steps(other.folder)
        ):
            found.append(other)
    newest: dict[str, StageRecord] = {}
    for other in sorted(found, key=_created, reverse=True):
        newest.setdefault(_principles(other), other)
    yield from newest.values()


def _config(stage: StageRecord) -> Mapping[str, Any]:
    return stage.artifact.manifest.get("config", {}) if stage.artifact else {}


def _created(stage: StageRecord) -> str:
    return str(stage.artifact.manifest.get("created")) if stage.artifact else ""


def _principles(stage: StageRecord) -> str:
    return str(_config(stage).get("principles", {}).get("name", "unknown"))


def _is_measured(row: Record, step: int) -> bool:
    return row["step"] == step and any(name.startswith(CHECK) for name in row)
