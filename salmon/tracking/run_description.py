"""What a tracker is told of the stage execution that it records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salmon.config.overrides import is_seed, split_override
from salmon.runtime.store import Artifact
from salmon.tracking.redaction import redact_within

CELL = "cell"  # key of a run's config in W&B, by which runs are grouped over their seeds
WHERE = ("paths", "hydra", "tracking", "launch")  # of overrides: where files lie and who is told, not what is done


def cell_of(overrides: Sequence[str]) -> str:
    """What was asked of a job, without its seeds, as one text: equal for all jobs of a cell of a study."""
    asked = [(key, value) for key, value in map(split_override, overrides) if not is_seed(key)]
    kept = [f"{key}={redact_within(value)}" for key, value in asked if key.partition(".")[0] not in WHERE]
    return ", ".join(kept) or "default"


@dataclass(frozen=True)
class RunDescription:
    """One execution of a stage; in W&B one run, whose job type is the stage."""

    stage: str
    work: Path  # the folder that the stage works in
    config: dict[str, Any]  # resolved, as plain nested containers (an OmegaConf node would arrive broken)
    group: str
    name: str
    tags: list[str] = field(default_factory=list)
    inputs: Mapping[str, Artifact] = field(default_factory=dict)  # artifacts that it reads, by the stage that made them
