"""The learning curves as files: a picture, and all its points as CSV."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.curves import CURVES
from eval.curves.figure import draw
from eval.curves.panels import BenchmarkPanel, caveat, panels_of
from eval.results import Row
from salmon.runtime.files import storage_errors, write_text_atomic
from salmon.runtime.tables import csv_table

COLUMNS = ("task", "metric", "run", "step", "checkpoint", "value", "low", "high", "n")


def draw_learning_curves(folder: Path, rows: Sequence[Row]) -> Path | None:
    """Write the curves into ``folder``; the picture, or None (and no file) where no run has two steps."""
    shown = panels_of(rows)
    if not shown:
        return None
    with storage_errors(folder):
        write_text_atomic(folder / f"{CURVES}.csv", curves_csv(shown))
        return draw(folder / CURVES, shown, caveat(rows))


def curves_csv(shown: Sequence[BenchmarkPanel]) -> str:
    """All points, and the references with neither run nor step."""
    return csv_table(COLUMNS, (line for panel in shown for line in _csv_lines(panel)))


def _csv_lines(panel: BenchmarkPanel) -> Iterator[list[Any]]:
    points = [(run, row) for run, curve in panel.curves.items() for row in curve]
    for run, row in [*points, *(("", row) for row in panel.references)]:
        low, high = row.interval or (None, None)
        yield [row.task, row.metric, run, row.step, row.checkpoint, row.value, low, high, row.n]
