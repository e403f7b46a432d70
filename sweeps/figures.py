"""Curves over updates, by arm, with the spread of the seeds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sweeps.curves import Curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which every kind of colour blindness tells apart; yellow left out (too light for a line).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
STYLES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX"
BAND = "Line: mean of the seeds. Band: from the lowest to the highest seed."


@dataclass(frozen=True)
class Panel:
    title: str
    ylabel: str
    curves: Mapping[str, Mapping[int, Curve]]  # arm -> seed -> curve
    share: bool = False  # the axis is fixed to 0..1


def band(curves: Mapping[int, Curve]) -> list[tuple[int, float, float, float]]:
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


def draw_curves(path: Path, panels: Sequence[Panel], title: str, xlabel: str = "PPO updates") -> list[str]:
    """Draw the panels as ``path``.png and ``path``.svg; the files' names."""
    from matplotlib.figure import Figure  # without pyplot: no display, nothing global
    from matplotlib.ticker import MaxNLocator

    columns = 2 if len(panels) in (2, 4) else min(3, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(1.2 + 4.2 * columns, 1.4 + 3.3 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    arms = list(dict.fromkeys(arm for panel in panels for arm in panel.curves))
    for axes, panel in zip(grid.flat, panels, strict=False):
        for arm, curves in panel.curves.items():
            rows, place = band(curves), arms.index(arm)
            if not rows:
                continue
            steps, low, mean, high = zip(*rows, strict=True)
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(
                steps,
                mean,
                color=colour,
                linestyle=STYLES[place % len(STYLES)],
                linewidth=2,
                marker=MARKERS[place % len(MARKERS)],
                markersize=4,
                markevery=math.ceil(len(steps) / 12),
                label=arm,
            )
            axes.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.set_title(panel.title, fontsize=11)
        axes.set_xlabel(xlabel, fontsize=10)
        axes.set_ylabel(panel.ylabel, fontsize=10)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        if panel.share:
            axes.set_ylim(-0.03, 1.03)
        if not axes.lines:
            axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes, color="0.4")
    for axes in list(grid.flat)[len(panels) :]:
        axes.axis("off")
    handles = {
        label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="outside lower center",
            ncols=min(4, len(handles)),
            fontsize=10,
            frameon=False,
            title=BAND,
            title_fontsize=9,
        )
    figure.suptitle(title, fontsize=13)
    return save(figure, path)


def save(figure: "Figure", path: Path) -> list[str]:
    """As ``path``.png and ``path``.svg; the files' names. Equal results give equal files."""
    import matplotlib

    files = [path.with_suffix(suffix) for suffix in (".png", ".svg")]
    with matplotlib.rc_context({"svg.hashsalt": "salmon"}):
        for file in files:
            undated = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=120, metadata=undated)
    return [file.name for file in files]
