"""What a job left on disk, read for its page. Nothing here trusts that all of it is there, or whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.extensions import stage_names
from salmon.errors import SalmonError
from salmon.runtime.artifact import Artifact, open_artifact
from salmon.runtime.foreign import read_yaml
from salmon.runtime.jsonl import Record
from salmon.runtime.status import read_state, read_status
from salmon.tracking.metrics_file import METRICS, read_metrics

ARTIFACTS, STATUS, HYDRA = "artifacts.json", "status.json", ".hydra"


@dataclass(frozen=True)
class StageRecord:
    """One stage of a job: its artifact, or why there is none."""

    label: str  # "ppo", "eval of sft"
    folder: Path  # the artifact's, or that of the work in progress
    reused: bool = False  # whether another job had made it
    artifact: Artifact | None = None
    problem: str | None = None  # why there is no artifact, unless the stage has just not finished

    @property
    def stage(self) -> str:
        return self.label.partition(" ")[0]

    @property
    def metrics(self) -> Mapping[str, float | None]:
        """The final figures; none where it is not finished."""
        return self.artifact.metrics if self.artifact else {}

    @property
    def upstream(self) -> Mapping[str, str]:
        """Names of the artifacts that it was made from, by what they were to it."""
        return self.artifact.manifest.get("upstream", {}) if self.artifact else {}

    @cached_property
    def rows(self) -> Sequence[Record]:
        """The lines of its metrics.jsonl.

        Raises:
            SalmonError: a line is damaged.
        """
        return read_metrics(self.folder / METRICS)


@dataclass(frozen=True)
class JobRecord:
    """A job, or the artifacts that one artifact comes from; then without folder, status and overrides."""

    stages: Sequence[StageRecord]
    config: Mapping[str, Any]
    folder: Path | None = None
    status: Mapping[str, Any] = field(default_factory=dict)
    overrides: Sequence[str] = ()

    def of(self, stage: str) -> StageRecord | None:
        """The last record of a stage; None where the job has none."""
        return next((one for one in reversed(self.stages) if one.stage == stage), None)


def read_job_record(folder: Path) -> JobRecord:
    """Raises ``SalmonError`` where a file of the job's folder is damaged; damage in the store is said per stage."""
    status = read_status(folder / STATUS) or {"state": "not started"}
    links = read_state(folder / ARTIFACTS) or {}
    overrides = folder / HYDRA / "overrides.yaml"
    return JobRecord(
        list(_stages(links, status)),
        _composed(folder / HYDRA / "config.yaml"),
        folder,
        status,
        [str(word) for word in read_yaml(overrides, list)] if overrides.exists() else [],
    )


def read_lineage(folder: Path) -> JobRecord:
    """An artifact, and those of its store that it was made from.

    Raises:
        SalmonError: its manifest cannot be read.
    """
    folder = folder.absolute()
    artifact = open_artifact(folder)
    found: dict[Path, StageRecord] = {}
    waiting = [StageRecord(artifact.stage, folder, artifact=artifact)]
    while waiting:
        record = waiting.pop()
        found[record.folder] = record
        for name in record.upstream.values():
            stage, _, fingerprint = name.rpartition("-")
            made_from = folder.parent.parent / stage / fingerprint
            if made_from not in found:
                waiting.append(stage_record(stage, made_from))
    order = {name: place for place, name in enumerate(stage_names())}
    stages = sorted(found.values(), key=lambda record: order.get(record.stage, len(order)))
    return JobRecord(stages, artifact.manifest.get("config", {}))


def stage_record(label: str, folder: Path, reused: bool = False) -> StageRecord:
    """The record of a stage whose artifact should be in ``folder``."""
    try:
        return StageRecord(label, folder, reused, open_artifact(folder))
    except SalmonError as error:
        gone = f"{folder} is no longer there. Its job makes it again: give the same command"
        return StageRecord(label, folder, reused, None, str(error) if folder.is_dir() else gone)


def _stages(links: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[StageRecord]:
    for label, entry in links.items():
        path = entry.get("path") if isinstance(entry, dict) else None
        if isinstance(path, str):
            yield stage_record(label, Path(path), bool(entry.get("reused")))
    stage, work = status.get("stage"), status.get("work")
    if stage and stage not in links:
        folder = Path(work) if isinstance(work, str) else Path()
        yield StageRecord(stage, folder)


def _composed(path: Path) -> Mapping[str, Any]:
    """The job's config with its interpolations resolved; as it was written where one cannot be."""
    if not path.exists():
        return {}
    written = read_yaml(path)
    try:
        resolved = OmegaConf.to_container(OmegaConf.create(written), resolve=True)
    except OmegaConfBaseException:
        return written
    return {str(key): value for key, value in resolved.items()} if isinstance(resolved, dict) else written
