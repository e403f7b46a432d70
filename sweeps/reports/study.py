"""The report of any study: what each cell of the grid ended with, over its seeds."""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd

from salmon.runtime.tables import latex_table, markdown_table
from sweeps.cells import Cell, cells_of, frame
from sweeps.collect import SweepJob
from sweeps.curves import KL, LENGTH, REWARD, UNITS
from sweeps.figures import CurvePanel
from sweeps.ranking import nothing_told_apart, ranking, rewarded_alike
from sweeps.reports.document import Document, jobs_of
from sweeps.seeds import seed_notes
from sweeps.settings import ReportSettings
from sweeps.statistics import Estimate
from sweeps.study_figures import draw_frontier, draw_heat_map, draw_scaling, size_axis
from sweeps.tables import interval, jobs_section

NOTE = (
    "Mean over the cell's finished seeds ± its 95 % interval by Student's t. `n = 1`: one measurement, so chance is "
    "not excluded; `n = …` also where a figure has another number of measurements than finished seeds, since a seed "
    "lacks it or the seeds share what was measured (one SFT policy, one reward model); `n/a`: none has it. Rewards are "
    "scores under the cell's own principles: compare them between cells only where principles and reward model are "
    "the same."
)
RANKS = "## Highest means, and what the intervals allow to say"


def study(jobs: Sequence[SweepJob], settings: ReportSettings) -> Document:
    cells = cells_of(jobs)
    table = frame(cells)
    shown = columns(table)
    estimates = {cell.name: {figure: cell.estimate(figure) for figure in shown} for cell in cells}
    header, rows = cell_table(cells, shown)
    curves = {metric: {cell.name: cell.curves(metric) for cell in cells} for metric in UNITS}
    benchmarks = [figure for figure in shown if figure.startswith("eval/")]
    pictures = {"frontier": partial(draw_frontier, cells=cells)}
    if shown:
        pictures["heat_map"] = partial(draw_heat_map, table=estimates, figures=shown)
    if size := size_axis(cells):
        pictures["scaling"] = partial(draw_scaling, cells=cells, figures=benchmarks or [REWARD, KL, LENGTH], size=size)
    return Document(
        "Study: " + ", ".join(cells[0].axes or ["one cell"]),
        [
            jobs_section(jobs),
            *seed_notes(jobs, {cell.name: cell.finished_seeds for cell in cells}),
            markdown_table(header, rows),
            NOTE,
            *_rank_section(cells, estimates, shown),
        ],
        [],
        {
            "jobs": jobs_of(jobs),
            "cells": [{"axes": cell.axes, "seeds": cell.seeds, "figures": estimates[cell.name]} for cell in cells],
        },
        [CurvePanel(short(metric), unit, curves[metric]) for metric, unit in UNITS.items()],
        pictures,
    )


def cell_table(cells: Sequence[Cell], shown: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Header and rows: what was swept, the seeds, and the figures over them."""
    rows = [
        [*cell.axes.values(), cell.seeds, *(figure_text(cell.estimate(figure), cell) for figure in shown)]
        for cell in cells
    ]
    return [*cells[0].axes, "seeds", *map(short, shown)], rows


def study_files(cells: Sequence[Cell]) -> dict[str, str]:
    """``report.csv``: every figure of every job; ``report.tex``: the table of cells."""
    table = frame(cells)
    header, rows = cell_table(cells, columns(table))
    return {"report.csv": table.to_csv(index=False), "report.tex": latex_table(header, rows) + "\n"}


def rank_sentences(
    cells: Sequence[Cell], estimates: Mapping[str, Mapping[str, Estimate]], shown: Sequence[str]
) -> list[str]:
    """The highest cell of each figure of which more may be better, for rewards of each group of comparable cells."""
    said, undecided = list[str | None](), list[str]()
    for figure in (name for name in shown if name not in (KL, LENGTH)):
        for group in rewarded_alike(cells) if figure == REWARD else [cells]:
            compared = {cell.name: estimates[cell.name][figure] for cell in group}
            if nothing_told_apart(compared):
                undecided.append(short(figure))
            else:
                said.append(ranking(short(figure), compared))
    if undecided:
        said.append(f"{', '.join(undecided)}: no cell is told apart from the highest, since the intervals overlap.")
    return [sentence for sentence in said if sentence]


def _rank_section(
    cells: Sequence[Cell], estimates: Mapping[str, Mapping[str, Estimate]], shown: Sequence[str]
) -> list[str]:
    lines = [f"- {sentence}" for sentence in rank_sentences(cells, estimates, shown)]
    return [RANKS, "\n".join(lines)] if lines else []


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


def figure_text(estimate: Estimate, cell: Cell) -> str:
    """A figure of a cell, as all tables have it."""
    return interval(estimate, 3, seeds=cell.finished)
