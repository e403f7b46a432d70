"""What a stage reports while it runs: to ``metrics.jsonl`` always, to W&B if wanted."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, SupportsFloat

from salmon.config.run import TrackingConfig, WandbMode
from salmon.tracking.glossary import find
from salmon.tracking.metrics_file import MetricsFile, read_metrics
from salmon.tracking.run_description import RunDescription

if TYPE_CHECKING:
    from salmon.tracking.wandb_run import WandbRun

__all__ = ["RunDescription", "Tracker", "read_metrics", "start_tracking"]


class Tracker:
    """The record of one stage execution; use as a context manager, or call ``finish`` in a ``finally``.

    Nothing is written below the work folder after ``Store.commit`` except through W&B, so ``output``,
    ``summary`` and ``finish`` may follow the commit, while ``log`` and ``table`` must come before it.
    """

    def __init__(self, stage: str, local: MetricsFile | None, run: "WandbRun | None") -> None:
        """
        Args:
            local: None keeps no record: in all processes but the main one, which has the same figures.
            run: None where W&B is disabled.
        """
        self.stage = stage
        self._local = local
        self._run = run

    @property
    def run_id(self) -> str | None:
        """W&B's id of this run, for the manifest; None when W&B is disabled."""
        return self._run.id if self._run is not None else None

    def log(self, step: int, metrics: Mapping[str, SupportsFloat]) -> None:
        """Record numbers (floats, or 0-dim tensors) of one step. Unknown names raise ``ValueError``."""
        values = self._checked(metrics)
        if self._local is not None:
            self._local.append(step, values)
        if self._run is not None:
            self._run.log(step, values)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int) -> None:
        """Record a table, shown as ``samples/<name>``. Each column holds one type (or None)."""
        if self._local is not None:
            self._local.table(name, columns, rows, step)
        if self._run is not None:
            self._run.table(name, columns, rows, step)

    def image(self, name: str, path: Path, step: int) -> None:
        """Show a picture as ``samples/<name>``. W&B only: ``path`` is the local copy."""
        if self._run is not None:
            self._run.image(name, path, step)

    def summary(self, values: Mapping[str, SupportsFloat]) -> None:
        """Set the numbers by which runs are compared. W&B only: the manifest's metrics are the local copy."""
        checked = self._checked(values)
        if self._run is not None:
            self._run.summary(checked)

    def output(self, artifact_name: str, path: Path, metadata: dict[str, Any] | None = None) -> None:
        """Enter what this stage made in the lineage graph: by reference, nothing is uploaded.

        Give the committed ``artifact.name`` and ``artifact.path``: the stages that use it find it by these.
        """
        if self._run is not None:
            self._run.output(artifact_name, path, metadata or {})

    def reaches(self, step: int) -> bool:
        """Whether the local record goes up to ``step``, so that a stage can go on from there; True without one."""
        return self._local is None or step <= self._local.last_step()

    def rewind(self, step: float) -> None:
        """Forget what was recorded locally after ``step``, where a resumed stage continues (-1: forget all).

        In W&B, repeated steps appear twice, at one place of the axis ``<stage>/step``.
        """
        if self._local is not None:
            self._local.rewind(step)

    def finish(self, exit_code: int) -> None:
        """End the run; 0 is shown as finished, anything else as failed. Later calls do nothing."""
        if self._run is not None:
            self._run.finish(exit_code)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish(0 if kind is None else 1)

    def _checked(self, metrics: Mapping[str, SupportsFloat]) -> dict[str, float]:
        for name in metrics:
            if find(name, self.stage) is None:
                raise ValueError(
                    f"{name!r} is no metric of stage {self.stage!r} in the glossary (salmon/tracking/glossary.py)"
                )
        return {name: float(value) for name, value in metrics.items()}


def start_tracking(tracking: TrackingConfig, run: RunDescription, wandb_dir: Path) -> Tracker:
    """Begin, or continue, the record of a stage that works in ``run.work``.

    Args:
        wandb_dir: folder that gets W&B's own ``wandb/`` folder.

    Raises:
        SalmonError: W&B cannot start (no login, no network), or a folder cannot be written.
    """
    local = MetricsFile(run.work)
    local.recover()
    wandb_run = None
    if tracking.wandb is not WandbMode.disabled:
        from salmon.tracking.wandb_run import WandbRun  # wandb takes a second to import

        wandb_run = WandbRun(tracking, run, wandb_dir)
    return Tracker(run.stage, local, wandb_run)
