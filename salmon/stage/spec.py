"""A stage as the pipeline sees it. Importing a spec is cheap; the stage's own code is imported when it runs."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salmon.config.schema import Config

if TYPE_CHECKING:
    from salmon.models.base import SharedModel
    from salmon.stage.context import StageContext


@dataclass(frozen=True)
class StageSpec:
    """What a stage reads, what its fingerprint covers, where its code is."""

    name: str
    version: int  # raised when the same settings would give another result
    module: str  # has ``run(cfg, ctx) -> metrics``
    upstream: tuple[str, ...]  # stages whose artifacts it reads, unless it is ``alone``
    settings: Callable[[Config], Mapping[str, Any]]  # everything that decides its result
    checkpoints: Mapping[str, str] = field(default_factory=dict)  # policies in its artifact: name -> folder
    alone: Callable[[Config], bool] = lambda cfg: False  # under this config it reads no other stage's artifacts
    # A stage that is run on each of several stages' artifacts in turn, as its input "checkpoint": which stages these
    # are; the others are compared with the first.
    subjects: Callable[[Config], tuple[str, ...]] | None = None
    # "module:function" that draws what its runs on several subjects show together, given a job's folder with links.
    overview: str | None = None
    # "module:function" that says in sentences what its runs in a job allow to conclude, given the same.
    conclusions: str | None = None
    preflight: str = ""  # module whose ``CHECKS`` are made on the base before the job's first stage runs
    # Reads every file that the stage will read, so that what is wrong with one shows before the first stage starts.
    check: Callable[[Config], None] = lambda cfg: None

    def reads(self, cfg: Config) -> tuple[str, ...]:
        """Stages whose artifacts it reads under this config."""
        return () if self.alone(cfg) else self.upstream

    def draw_overview(self, folder: Path) -> None:
        """Draw the ``overview`` into a job's folder, where there is one."""
        if self.overview is not None:
            _named(self.overview)(folder)

    def conclude(self, folder: Path) -> list[str]:
        """The sentences of ``conclusions`` about a job; none where the stage says none."""
        found: list[str] = [] if self.conclusions is None else _named(self.conclusions)(folder)
        return found

    @property
    def run(self) -> "Callable[[Config, StageContext], dict[str, float]]":
        """The stage's code; imports torch and what else it needs."""
        code: Callable[[Config, StageContext], dict[str, float]] = importlib.import_module(self.module).run
        return code

    @property
    def checks(self) -> "tuple[Callable[[Config, SharedModel], None], ...]":
        """What raises ``SalmonError`` where the base, free of adapters, cannot do what the stage asks of it."""
        return importlib.import_module(self.preflight).CHECKS if self.preflight else ()


def _named(place: str) -> Callable[[Path], Any]:
    """The function that "module:function" names."""
    module, _, function = place.partition(":")
    found: Callable[[Path], Any] = getattr(importlib.import_module(module), function)
    return found
