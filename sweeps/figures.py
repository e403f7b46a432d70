"""Curves over updates, by arm, with the spread of the seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from salmon.tracking.plot_style import (
    BAND_ALPHA,
    TITLE,
    finish_panel,
    legend_below,
    line_style,
    panel_grid,
    save_figure,
    say_no_data,
)
from sweeps.curves import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BySeed = Mapping[int, Curve] | Mapping[str, Curve]  # a seed as the config has it, or as a cell names it
BAND = "Line: mean of the seeds. Band: from the lowest to the highest seed."


@dataclass(frozen=True)
class CurvePanel:
    title: str
    ylabel: str
    curves: Mapping[str, BySeed]  # arm -> seed -> curve
    share: bool = False  # the axis is fixed to 0..1


def band(curves: BySeed) -> list[tuple[int, float, float, float]]:
    """(step, lowest, mean, highest) at the steps where every seed has a finite value.

    Where seeds come and go, a mean of those left would look like a change.
    """
    steps = sorted(set.intersection(*(set(curve.values) for curve in curves.values()))) if curves else []
    rows = [(step, [curve.values[step] for curve in curves.values()]) for step in steps]
    return [
        (step, min(values), math.fsum(values) / len(values), max(values))
        for step, values in rows
        if all(math.isfinite(value) for value in values)
    ]


def draw_curve_panels(path: Path, panels: Sequence[CurvePanel], title: str, xlabel: str = "PPO updates") -> list[Path]:
    """Draw the panels as ``path``.png and ``path``.svg; the files."""
    figure, grid = panel_grid(len(panels), columns=2 if len(panels) in (2, 4) else 3)
    arms = list(dict.fromkeys(arm for panel in panels for arm in panel.curves))
    for axes, panel in zip(grid, panels, strict=True):
        for arm, curves in panel.curves.items():
            if rows := band(curves):
                _draw_band(axes, _label(arm, curves), rows, arms.index(arm))
        finish_panel(axes, panel.title, xlabel, panel.ylabel)
        if panel.share:
            axes.set_ylim(-0.03, 1.03)
        if not axes.lines:
            say_no_data(axes)
    legend_below(figure, grid, BAND)
    figure.suptitle(title, fontsize=TITLE)
    return save_figure(figure, path)


def _label(arm: str, curves: BySeed) -> str:
    """The arm, and that its line is no mean where one seed has it: such a line has no band that would show chance."""
    return arm if len(curves) > 1 else f"{arm}, n = 1"


def _draw_band(axes: "Axes", arm: str, rows: Sequence[tuple[int, float, float, float]], place: int) -> None:
    steps, low, mean, high = zip(*rows, strict=True)
    style = line_style(place)
    axes.plot(steps, mean, **style, linewidth=2, markersize=4, markevery=math.ceil(len(steps) / 12), label=arm)
    axes.fill_between(steps, low, high, color=style["color"], alpha=BAND_ALPHA, linewidth=0)
