"""The folder of a multirun, read back: every job that was planned, whatever became of it.

::

    <sweep>/multirun.yaml             Hydra's: what was swept
    <sweep>/<job>/.hydra/*.yaml       Hydra's: config, overrides
    <sweep>/<job>/status.json         state and error (salmon/pipeline/job.py; sweeps/callback.py)
    <sweep>/<job>/artifacts.json      of a finished job: where its artifacts are
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.errors import SalmonError
from salmon.runtime.artifact import MANIFEST, open_artifact
from salmon.runtime.status import process_gone, read_status
from salmon.tracking.metrics_file import METRICS
from sweeps.job_files import read_composed, read_links

FINISHED, FAILED, RUNNING, NOT_STARTED = "finished", "failed", "running", "not started"
NO_MULTIRUN = "Give the folder of a multirun (hydra.sweep.dir): it has multirun.yaml and a folder for each job"
INTERRUPTED = "interrupted"  # by Ctrl-C or SIGTERM; the same command continues it
FIGURES = {METRICS, "results.json"}  # files of an artifact that reports read
REQUEUED = "requeued"  # by Slurm: time limit or preemption


@dataclass(frozen=True)
class SweepJob:
    """One job of a sweep. ``config`` has Hydra's part under ``hydra`` and is empty where the job never started."""

    name: str
    overrides: tuple[str, ...]
    state: str  # one of those above
    error: str | None = None
    stage: str | None = None  # where a job that did not finish is, or ended
    progress: Mapping[str, Any] | None = None  # the fields of salmon.runtime.progress.Step of a running stage
    artifacts: Mapping[str, Path] = field(default_factory=dict)  # label ("ppo", "eval of reward") -> folder
    config: DictConfig = field(default_factory=lambda: OmegaConf.create({}))
    folder: Path | None = None  # None where the job never started

    @property
    def finished(self) -> bool:
        return self.state == FINISHED

    def value(self, key: str) -> Any:
        """A setting by its dotted key, interpolations resolved; None where it is missing or null."""
        value = OmegaConf.select(self.config, key)
        return OmegaConf.to_container(value) if OmegaConf.is_config(value) else value


def read_sweep(folder: Path) -> list[SweepJob]:
    """Jobs in the order in which they were planned; a job without a folder is ``not started``.

    Raises:
        SalmonError: the folder is not one of a multirun, or no job of it is known.
    """
    multirun = read_plan(folder)
    jobs = {
        job.overrides: job
        for path in sorted(folder.glob("*/.hydra/overrides.yaml"))
        if (job := read_job(path.parents[1]))
    }
    planned = planned_overrides(multirun)
    started = {frozenset(overrides): job for overrides, job in jobs.items()}
    waiting = [
        SweepJob(" ".join(overrides), overrides, NOT_STARTED)
        for overrides in planned
        if frozenset(overrides) not in started
    ]
    if not jobs and not waiting:
        raise SalmonError(f"{folder}: no job of this multirun has begun, and multirun.yaml does not say which it has")
    order = {frozenset(overrides): place for place, overrides in enumerate(planned)}
    return sorted([*jobs.values(), *waiting], key=lambda job: order.get(frozenset(job.overrides), len(order)))


def read_plan(folder: Path) -> DictConfig:
    """Hydra's record of the multirun. Raises ``SalmonError`` where there is none."""
    plan = read_composed(folder / "multirun.yaml", NO_MULTIRUN)
    if not _is_plan(plan):
        raise SalmonError(f"{folder / 'multirun.yaml'}: is not what Hydra writes")
    return plan


def _is_plan(plan: Any) -> bool:
    """Whether what is swept, where it is said, is a mapping, and the other overrides a list."""
    try:
        params, others = (OmegaConf.select(plan, f"hydra.{key}") for key in ("sweeper.params", "overrides.task"))
    except (OmegaConfBaseException, ValueError):
        return False
    return (
        isinstance(plan, DictConfig) and isinstance(params, DictConfig | None) and isinstance(others, ListConfig | None)
    )


def planned_overrides(multirun: DictConfig) -> list[tuple[str, ...]]:
    """The overrides of each job of the grid that Hydra's basic sweeper makes, first axis slowest.

    Empty for a grid with a pattern (``glob(*)``), which only Hydra's own loader resolves; then the folders are all.
    """
    params = OmegaConf.select(multirun, "hydra.sweeper.params") or {}
    given = [f"{key}={value}" for key, value in params.items()] + list(
        OmegaConf.select(multirun, "hydra.overrides.task") or ()
    )
    axes: dict[str, list[str]] = {}
    try:
        for override in OverridesParser.create().parse_overrides(given):
            key = override.get_key_element()
            values = (
                list(override.sweep_string_iterator())
                if override.is_sweep_override()
                else [override.get_value_element_as_str()]
            )
            axes[key] = [f"{key}={value}" for value in values]  # what comes later replaces what came before
    except HydraException:
        return []
    return list(itertools.product(*axes.values()))


def read_job(folder: Path) -> SweepJob:
    hydra = folder / ".hydra"
    overrides = tuple(str(item) for item in read_composed(hydra / "overrides.yaml"))
    config = OmegaConf.merge(read_composed(hydra / "config.yaml"), read_composed(hydra / "hydra.yaml"))
    assert isinstance(config, DictConfig)
    status = read_status(folder / "status.json") or {"state": RUNNING}  # a job begins by writing it
    state, error, artifacts = status["state"], status.get("error"), {}
    if state == RUNNING and process_gone(status):
        state, error = FAILED, f"killed: its process {status['process']} is gone; run the same command again"
    if state == FINISHED:
        listed = read_links(folder / "artifacts.json")
        artifacts = listed or {}
        lost = [str(path) for path in artifacts.values() if not path.is_dir()]
        if listed is None:
            state = RUNNING  # its last lines are being written
        elif lost:
            state, error = FAILED, f"no longer in the store: {', '.join(lost)}; run the same command again"
        elif damaged := [fault for path in artifacts.values() if (fault := damage(path)) is not None]:
            state, error = FAILED, "; ".join(damaged)
    progress = status.get("progress") if state == RUNNING else None
    return SweepJob(folder.name, overrides, state, error, status.get("stage"), progress, artifacts, config, folder)


def damage(artifact: Path) -> str | None:
    """What is wrong with the files of an artifact that figures are read from; None where they are as they were made."""
    if not (artifact / MANIFEST).is_file():
        return None  # it says nothing of its files; whoever needs it says that it is missing
    try:
        opened = open_artifact(artifact)
        for name in FIGURES & opened.manifest["files"].keys():
            opened.file(name)
    except SalmonError as error:
        return str(error)
    return None
