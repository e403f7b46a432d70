"""Learning curves as a picture: a panel a benchmark figure, a line a training run, a flat line a reference."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from eval.curves.panels import BenchmarkPanel
from eval.results import Row
from salmon.tracking.plot_style import (
    BAND_ALPHA,
    TITLE,
    finish_panel,
    legend_below,
    line_style,
    panel_grid,
    save_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BAND = "Bands: 95 % intervals over items. Flat lines: checkpoints without a step; their intervals are in the CSV."


def draw(path: Path, panels: Sequence[BenchmarkPanel], caveat: str) -> Path:
    """Draw the panels as ``path``.png and ``path``.svg; the first."""
    return save_figure(figure_of(panels, caveat), path)[0]


def figure_of(panels: Sequence[BenchmarkPanel], caveat: str) -> "Figure":
    """The picture.

    Args:
        caveat: what must be known about the figures, shown below the title; "" for nothing.
    """
    figure, grid = panel_grid(len(panels), columns=3)
    runs = list(dict.fromkeys(run for panel in panels for run in panel.curves))
    references = list(dict.fromkeys(row.checkpoint for panel in panels for row in panel.references))
    for axes, panel in zip(grid, panels, strict=True):
        for run, curve in panel.curves.items():
            _line(axes, run, curve, runs.index(run))
        for row in panel.references:
            _reference(axes, row, len(runs) + references.index(row.checkpoint))
        finish_panel(axes, f"{panel.task}\n{panel.metric}", "updates")
    legend_below(figure, grid, BAND)
    figure.suptitle("Benchmarks over training" + (f"\n{caveat}" if caveat else ""), fontsize=TITLE)
    return figure


def _line(axes: "Axes", run: str, curve: Sequence[Row], place: int) -> None:
    style = line_style(place)
    steps = [row.step for row in curve if row.step is not None]
    values = [row.value for row in curve if row.value is not None]
    axes.plot(steps, values, **style, linewidth=2, markersize=4, label=run)
    intervals = [row.interval or (math.nan, math.nan) for row in curve]
    axes.fill_between(
        steps,
        [low for low, _ in intervals],
        [high for _, high in intervals],
        color=style["color"],
        alpha=BAND_ALPHA,
        linewidth=0,
    )


def _reference(axes: "Axes", row: Row, place: int) -> None:
    assert row.value is not None, "a panel has no others"
    axes.axhline(row.value, **(line_style(place) | {"marker": ""}), linewidth=1.5, label=row.checkpoint)
