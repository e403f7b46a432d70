"""What a job left on disk, read for its page. Nothing here trusts that all of it is there, or whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.artifact import Artifact, open_artifact
from salmon.runtime.foreign import read_yaml
from salmon.runtime.jsonl import Record
from salmon.runtime.status import read_state, read_status
from salmon.tracking.metrics_file import METRICS, read_metrics

ARTIFACTS, STATUS = "artifacts.json", "status.json"


@dataclass(frozen=True)
class StageRecord:
    """One stage of a job: its artifact, or why there is none."""

    label: str  # "ppo", "eval of sft"
    folder: Path  # the artifact's, or that of the work in progress
    reused: bool
    artifact: Artifact | None
    problem: str | None = None  # why there is no artifact

    @property
    def stage(self) -> str:
        return self.label.partition(" ")[0]

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The final figures; none where it is not finished."""
        return self.artifact.metrics if self.artifact else {}

    @cached_property
    def rows(self) -> Sequence[Record]:
        """The lines of its metrics.jsonl.

        Raises:
            SalmonError: a line is damaged.
        """
        return read_metrics(self.folder / METRICS)


@dataclass(frozen=True)
class JobRecord:
    folder: Path
    status: Mapping[str, Any]
    stages: Sequence[StageRecord]
    config: Mapping[str, Any]  # as composed; interpolations are not resolved
    overrides: Sequence[str] = field(default_factory=list)

    def of(self, stage: str) -> StageRecord | None:
        """The stage's record, where it has a finished artifact."""
        return next((s for s in self.stages if s.stage == stage and s.artifact is not None), None)


def read_job_record(folder: Path) -> JobRecord:
    """Raises ``SalmonError`` where a file of the job's folder is damaged; damage in the store is said per stage."""
    status = read_status(folder / STATUS) or {"state": "not started"}
    links = read_state(folder / ARTIFACTS) or {}
    hydra = folder / ".hydra"
    config = read_yaml(hydra / "config.yaml") if (hydra / "config.yaml").exists() else {}
    overrides = read_yaml(hydra / "overrides.yaml", list) if (hydra / "overrides.yaml").exists() else []
    return JobRecord(folder, status, list(_stages(links)), config, overrides)


def _stages(links: Mapping[str, Any]) -> Iterator[StageRecord]:
    for label, entry in links.items():
        yield stage_record(label, Path(entry["path"]), bool(entry["reused"]))


def stage_record(label: str, folder: Path, reused: bool = False) -> StageRecord:
    """The record of a stage whose artifact should be in ``folder``."""
    try:
        return StageRecord(label, folder, reused, open_artifact(folder))
    except SalmonError as error:
        there = folder.is_dir()
        problem = str(error) if there else f"{folder} is no longer there; the same command makes it again"
        return StageRecord(label, folder, reused, None, problem)
