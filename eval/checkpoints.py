"""Which checkpoints are meant, and which of them are the same."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eval.hub import fetch_adapter, is_hub_id
from eval.pairs import TASK as PAIRS
from eval.principle_following import TASK as PRINCIPLE_FOLLOWING
from salmon.errors import SalmonError
from salmon.runtime.adapter_files import CONFIG, HEAD_FILE, WEIGHTS, adapter_identity, adapter_in
from salmon.runtime.artifact import MANIFEST, Artifact, artifact_around, open_artifact

log = logging.getLogger("salmon")

ADAPTER_FILES = (CONFIG, WEIGHTS)
BASE = "base"
REWARD = "reward"  # the stage whose artifacts are reward models
REWARD_TASKS = (PRINCIPLE_FOLLOWING, PAIRS)  # that measure reward models; the first measures nothing else


@dataclass(frozen=True)
class Moment:
    """When a checkpoint was made."""

    series: str  # the training run's artifact, <stage>-<fingerprint>
    step: int  # updates of it


@dataclass(frozen=True)
class Checkpoints:
    """What is evaluated, by name."""

    policies: dict[str, Path | None]  # adapter folder; None: the plain base
    reward_models: dict[str, Artifact]
    artifacts: dict[str, Artifact]  # that they come from
    moments: dict[str, Moment] = field(default_factory=dict)  # of the policies whose training run says so


def checkpoints_of(artifact: Artifact) -> Checkpoints:
    """All policies of one artifact, or the reward model that it is."""
    reward_models = {REWARD: artifact} if artifact.stage == REWARD else {}
    moments = {name: Moment(artifact.name, step) for name, step in artifact.steps.items()}
    return Checkpoints(dict(artifact.checkpoints), reward_models, {artifact.name: artifact}, moments)


@dataclass(frozen=True)
class _Found:
    """One of the checkpoints of a list."""

    name: str
    longer: str  # name where another has the same
    what: Path | Artifact | None
    of: Artifact | None = None  # that it was found in

    @property
    def moment(self) -> Moment | None:
        if self.of is None or self.name not in self.of.steps:
            return None
        return Moment(self.of.name, self.of.steps[self.name])


def find_checkpoints(spec: str) -> Checkpoints:
    """The checkpoints that a comma-separated list means.

    Raises:
        SalmonError: a path that is neither an artifact with something to evaluate nor an adapter folder.
    """
    parts = _parts(spec)
    found = [one for part in parts for one in _find(part)]
    if not found:
        raise SalmonError("checkpoint= is empty: give an artifact folder, an adapter folder, or the word base")
    often = Counter(one.name for one in found)
    named = {one.name if often[one.name] == 1 else one.longer: one for one in found}
    if len(named) < len(found):
        raise SalmonError(f"checkpoint={spec}: the same checkpoint, or two with the same path end, more than once")
    return Checkpoints(
        {name: one.what for name, one in named.items() if not isinstance(one.what, Artifact)},
        {name: one.what for name, one in named.items() if isinstance(one.what, Artifact)},
        {one.of.name: one.of for one in found if one.of is not None},
        {name: one.moment for name, one in named.items() if one.moment is not None},
    )


def _parts(spec: str) -> list[str]:
    """The parts of a list with commas; a comma inside a path that exists does not part it."""
    words, parts, start = spec.split(","), list[str](), 0
    while start < len(words):
        longest_first = range(len(words), start + 1, -1)
        joined = (end for end in longest_first if _exists(",".join(words[start:end]).strip()))
        end = next(joined, start + 1)
        parts.append(",".join(words[start:end]).strip())
        start = end
    return [part for part in parts if part]


def _exists(path: str) -> bool:
    return bool(path.strip(",")) and Path(path).expanduser().exists()


def _find(part: str) -> list[_Found]:
    """What one part of the list means."""
    path = Path(part).expanduser().resolve()
    if part == BASE:
        return [_Found(BASE, BASE, None)]
    if (path / MANIFEST).is_file():
        artifact = open_artifact(path)
        artifact.check()
        here = checkpoints_of(artifact)
        if not (here.policies or here.reward_models):
            raise SalmonError(
                f"checkpoint={part}: a {artifact.stage} artifact holds no policy and no reward model to evaluate"
            )
        return [_in_artifact(name, what, artifact) for name, what in {**here.policies, **here.reward_models}.items()]
    if (adapter := policy_in(path)) is not None:
        return [_of_its_artifact(adapter) or _Found(path.name, "-".join(path.parts[-3:]).strip("/-"), adapter)]
    if is_hub_id(part) and not path.exists():
        short = part.partition("@")[0].rpartition("/")[2]
        return [_Found(short, part.replace("/", "-").replace("@", "-"), fetch_adapter(part, ADAPTER_FILES))]
    if (path / "config.json").is_file():
        raise SalmonError(
            f"checkpoint={part}: {path} is a whole model; that is the base: model=hub model.path={part} "
            f"checkpoint={BASE}"
        )
    raise SalmonError(
        f"checkpoint={part}: {path} is neither an artifact folder ({MANIFEST}) nor a PEFT adapter "
        f"folder ({', '.join(ADAPTER_FILES)}), nor the word {BASE}"
    )


def _in_artifact(name: str, what: Path | Artifact | None, artifact: Artifact) -> _Found:
    return _Found(name, f"{name}-{artifact.fingerprint[:8]}", what, artifact)


def _of_its_artifact(adapter: Path) -> _Found | None:
    """A folder inside an artifact as that artifact's checkpoint; None where it is none."""
    artifact = artifact_around(adapter)
    if artifact is not None:
        artifact.check()
        for name, path in artifact.checkpoints.items():
            if path.resolve() == adapter:
                return _in_artifact(name, path, artifact)
    return None


def policy_in(folder: Path) -> Path | None:
    """The adapter of a folder that is no artifact, where it has a complete one.

    Raises:
        SalmonError: it is a pickle or a reward model's, or it is not clear which one is meant.
    """
    adapter = adapter_in(folder)
    if adapter is None or not all((adapter / file).is_file() for file in ADAPTER_FILES):
        return None
    if (adapter / HEAD_FILE).is_file():
        raise SalmonError(
            f"checkpoint={folder}: {adapter} is a reward or value model ({HEAD_FILE}), which are evaluated as reward "
            f"artifacts. `salmon stages=[reward] reward.start={adapter} reward.train.epochs=0` makes one of it as it is"
        )
    return adapter


def check_tasks(found: Checkpoints, tasks: Sequence[str]) -> None:
    """Refuse checkpoints that none of the tasks is about.

    Raises:
        SalmonError: a reward model without one of its tasks, or a policy with nothing but a task of reward models.
    """
    if found.reward_models and not set(REWARD_TASKS).intersection(tasks):
        raise SalmonError(
            f"checkpoint {next(iter(found.reward_models))} is a reward model, and {', '.join(tasks)} measure policies; "
            f"give task={' or task='.join(REWARD_TASKS)}, or a policy"
        )
    if found.policies and set(tasks) == {PRINCIPLE_FOLLOWING}:
        raise SalmonError(
            f"checkpoint {next(iter(found.policies))} is no reward artifact, and {PRINCIPLE_FOLLOWING} measures reward "
            "models: give checkpoint=STORE/reward/FINGERPRINT"
        )
    if PRINCIPLE_FOLLOWING in tasks and not found.reward_models:
        log.warning("eval.tasks: %s is left out, no checkpoint is a reward artifact", PRINCIPLE_FOLLOWING)


def adapter_hash(adapter: Path | None) -> str:
    """Hex digests of what an adapter (with its head, if it has one) computes; equal ones give equal figures.

    "base" for None.

    Raises:
        SalmonError: there is no usable adapter.
    """
    if adapter is None:
        return "base"
    return " ".join(digest[:16] for digest in adapter_identity(str(adapter)).values())
