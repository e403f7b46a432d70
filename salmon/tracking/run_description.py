"""What a tracker is told of the stage execution that it records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salmon.runtime.store import Artifact


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
