"""A job's evaluations together, the policies of one stage beside those of another: pictures, and what they tell."""

from dataclasses import replace
from pathlib import Path

from eval.conclusions import conclusions
from eval.curves.files import draw_learning_curves
from eval.mt_bench.figure import FILE as RADAR
from eval.mt_bench.figure import radar
from eval.results import Row
from eval.tables.measured import read_results


def draw_overview(folder: Path) -> None:
    """Draw what there is to draw of the evaluations below a job's folder, into this folder.

    Raises:
        SalmonError: there is no evaluation, or the folder cannot be written.
    """
    rows = _rows(folder)
    radar(folder / RADAR, rows)
    draw_learning_curves(folder, rows)


def conclude(folder: Path) -> list[str]:
    """A sentence for each benchmark that a job measured; raises as above."""
    return conclusions(_rows(folder))


def _rows(folder: Path) -> list[Row]:
    return [replace(one.row, checkpoint=one.label) for one in read_results([folder])]
