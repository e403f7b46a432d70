"""``python -m eval.curves RESULTS_FOLDER... [--output FOLDER]``: benchmark figures over the updates of a training run.

Writes ``learning_curves.csv``, ``.png`` and ``.svg``. A folder is the output of ``python -m eval`` (which draws its own
curves too), an eval artifact, a job, or a multirun: so the policies of a run, and what they are compared with, may have
been evaluated one by one.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.curves_figure import BenchmarkPanel, draw
from eval.results import Row, run_names
from eval.tables.measured import read_results
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors, write_text_atomic
from salmon.runtime.tables import csv_table

CURVES = "learning_curves"
COLUMNS = ("task", "metric", "run", "step", "checkpoint", "value", "low", "high", "n")


def panels(rows: Sequence[Row]) -> list[BenchmarkPanel]:
    """A panel for each figure that some run has at two steps at least; counts and parts of a figure are left out."""
    names = run_names(rows)
    found: dict[tuple[str, str], BenchmarkPanel] = {}
    for row in rows:
        if row.value is not None and not row.metric.startswith("n_") and "/" not in row.metric:
            panel = found.setdefault((row.task, row.metric), BenchmarkPanel(row.task, row.metric, {}, []))
            if row.series is None or row.step is None:
                panel.references.append(row)
            elif all(row.step != other.step for other in panel.curves.setdefault(names[row.series], [])):
                panel.curves[names[row.series]].append(row)
    for panel in found.values():
        for curve in panel.curves.values():
            curve.sort(key=lambda row: row.step or 0)
    return [panel for panel in found.values() if any(len(curve) > 1 for curve in panel.curves.values())]


def draw_learning_curves(folder: Path, rows: Sequence[Row]) -> Path | None:
    """Write the curves into ``folder``; the picture, or None (and no file) where no run has two steps."""
    shown = panels(rows)
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


def caveat(rows: Sequence[Row]) -> str:
    """What makes these figures less than those of the whole benchmarks; "" where nothing does."""
    known = [row.provenance for row in rows if row.provenance is not None]
    limits = sorted({how.limit for how in known if how.limit is not None})
    said = ["SMOKE TEST on the mini set, not a benchmark"] if any(how.smoke_test for how in known) else []
    said += [f"LIMITED to the first {limit} items of each task" for limit in limits]
    return "; ".join(said)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the curves; exit status 1 and one message where there is nothing to draw."""
    parser = argparse.ArgumentParser(prog="python -m eval.curves", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="RESULTS_FOLDER")
    parser.add_argument("--output", type=Path, default=Path(), metavar="FOLDER", help="default: the current folder")
    options = parser.parse_args(arguments)
    try:
        rows = [replace(one.row, checkpoint=one.label) for one in read_results(options.folders)]
        with storage_errors(options.output):
            options.output.mkdir(parents=True, exist_ok=True)
        picture = draw_learning_curves(options.output, rows)
        if picture is None:
            raise SalmonError(
                "no training run with figures at two steps in these results; train with ppo.keep_every=N, then "
                "evaluate the whole artifact: python -m eval checkpoint=STORE/ppo/FINGERPRINT"
            )
    except SalmonError as error:
        sys.exit(f"salmon: {error}")
    print(picture)


if __name__ == "__main__":
    main()
