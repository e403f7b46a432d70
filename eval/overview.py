"""Pictures of a job's evaluations together: the policies of one stage beside those of another."""

from dataclasses import replace
from pathlib import Path

from eval.curves.files import draw_learning_curves
from eval.mt_bench.figure import FILE as RADAR
from eval.mt_bench.figure import radar
from eval.tables.measured import read_results


def draw_overview(folder: Path) -> None:
    """Draw what there is to draw of the evaluations below a job's folder, into this folder.

    Raises:
        SalmonError: there is no evaluation, or the folder cannot be written.
    """
    rows = [replace(one.row, checkpoint=one.label) for one in read_results([folder])]
    radar(folder / RADAR, rows)
    draw_learning_curves(folder, rows)
