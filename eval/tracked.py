"""The tracked run of an evaluation that is no stage of a pipeline."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eval.checkpoints import Checkpoints
from eval.config import EvalApp
from salmon.runtime.files import storage_errors
from salmon.runtime.fingerprint import recorded
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import Tracker, start_tracking


@contextmanager
def tracked(cfg: EvalApp, name: str, checkpoints: Checkpoints, work: Path) -> Iterator[Tracker]:
    """Within the context, the run of that name; the results of its ``checkpoints`` go to ``work``."""
    description = RunDescription(
        "eval",
        work,
        recorded(cfg),
        group=cfg.tracking.group or cfg.eval.name,
        name=name,
        tags=[*cfg.tracking.tags, cfg.model.name, "eval"],
        inputs=checkpoints.artifacts,
    )
    full = storage_errors(work, only_full=True)
    with full, start_tracking(cfg.tracking, description, Path(cfg.paths.wandb).expanduser()) as tracker:
        yield tracker
