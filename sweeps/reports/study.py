"""The report of any study: what each cell of the grid ended with, over its seeds."""

from collections.abc import Sequence
from functools import partial

import pandas as pd

from salmon.runtime.tables import latex_table, markdown_table
from sweeps.cells import Cell, cells_of, frame
from sweeps.collect import SweepJob
from sweeps.curves import KL, LENGTH, REWARD, UNITS
from sweeps.figures import CurvePanel
from sweeps.reports.document import Document, jobs_of
from sweeps.settings import ReportSettings
from sweeps.statistics import Estimate
from sweeps.study_figures import draw_frontier, draw_heat_map, draw_scaling
from sweeps.tables import interval, jobs_section

NOTE = (
    "Mean over the cell's finished seeds ± its 95 % interval by Student's t (`± ?`: one seed; `n=`: seeds that "
    "have the figure, where not all do; `n/a`: none has). Rewards are scores under the cell's own principles: "
    "compare them between cells only where principles and reward model are the same."
)


def study(jobs: Sequence[SweepJob], settings: ReportSettings) -> Document:
    cells = cells_of(jobs)
    table = frame(cells)
    shown = columns(table)
    estimates = {cell.name: {figure: cell.estimate(figure) for figure in shown} for cell in cells}
    rows = [
        [*cell.axes.values(), cell.seeds, *(_text(estimates[cell.name][figure], cell) for figure in shown)]
        for cell in cells
    ]
    header = [*cells[0].axes, "seeds", *map(short, shown)]
    curves = {metric: {cell.name: cell.curves(metric) for cell in cells} for metric in UNITS}
    benchmarks = [figure for figure in shown if figure.startswith("eval/")]
    pictures = {"frontier": partial(draw_frontier, cells=cells)}
    if shown:
        pictures["heat_map"] = partial(draw_heat_map, table=estimates, figures=shown)
    if "model" in cells[0].axes:
        pictures["scaling"] = partial(draw_scaling, cells=cells, figures=benchmarks or [REWARD, KL, LENGTH])
    return Document(
        "Study: " + ", ".join(cells[0].axes or ["one cell"]),
        [jobs_section(jobs), markdown_table(header, rows), NOTE],
        [],
        {
            "jobs": jobs_of(jobs),
            "cells": [{"axes": cell.axes, "seeds": cell.seeds, "figures": estimates[cell.name]} for cell in cells],
        },
        [CurvePanel(short(metric), unit, curves[metric]) for metric, unit in UNITS.items()],
        pictures,
        {"report.csv": table.to_csv(index=False), "report.tex": latex_table(header, rows) + "\n"},
    )


def columns(table: pd.DataFrame) -> list[str]:
    """Figures worth a column: reward, KL and length, checks, and the headline figures of the best policy's benchmarks.

    The CSV file has all.
    """
    names = [name for name in (REWARD, KL, LENGTH) if name in table]
    names += sorted(name for name in table if name.startswith("held_out/check/"))
    parts = {name: name.split("/") for name in table if name.startswith("eval/")}
    return names + [
        name
        for name, part in parts.items()
        if len(part) == 4 and not part[1].endswith("last") and not part[3].startswith("n_")
    ]


def short(name: str) -> str:
    """A metric's name as a heading."""
    return name.removeprefix("held_out/").removeprefix("eval/").replace("principle_following/", "")


def _text(estimate: Estimate, cell: Cell) -> str:
    return interval(estimate, 3, seeds=cell.finished)
