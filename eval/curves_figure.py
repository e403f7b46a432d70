"""Learning curves as a picture: a panel a benchmark figure, a line a training run, a flat line a reference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from eval.results import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which every kind of colour blindness tells apart; yellow left out (too light for a line).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = "osD^vPX"
STYLES = ("--", ":", "-.")
COLUMNS = 3
BAND = "Bands: 95 % intervals over items. Flat lines: checkpoints without a step; their intervals are in the CSV."


@dataclass(frozen=True)
class Panel:
    """One metric of one task."""

    task: str
    metric: str
    curves: dict[str, list[Row]]  # run -> one row a step, steps ascending
    references: list[Row]  # of checkpoints that are no moment of a run: the base, SFT


def draw(path: Path, panels: Sequence[Panel], caveat: str) -> Path:
    """Draw the panels as ``path``.png and ``path``.svg; the first."""
    import matplotlib

    figure = figure_of(panels, caveat)
    with matplotlib.rc_context({"svg.hashsalt": "salmon"}):  # equal results, equal files
        figure.savefig(path.with_suffix(".png"), dpi=110)
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    return path.with_suffix(".png")


def figure_of(panels: Sequence[Panel], caveat: str) -> "Figure":
    """The picture.

    Args:
        caveat: what must be known about the figures, shown below the title; "" for nothing.
    """
    from matplotlib.figure import Figure  # without pyplot: no display, nothing global

    columns = min(COLUMNS, len(panels))
    lines = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(1.6 + 4.0 * columns, 2.2 + 3.1 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    runs = list(dict.fromkeys(run for panel in panels for run in panel.curves))
    flat = list(dict.fromkeys(row.checkpoint for panel in panels for row in panel.references))
    for axes, panel in zip(grid.flat, panels, strict=False):
        for run, curve in panel.curves.items():
            _line(axes, run, curve, runs.index(run))
        for row in panel.references:
            _reference(axes, row, len(runs) + flat.index(row.checkpoint))
        axes.set_title(f"{panel.task}\n{panel.metric}", fontsize=10)
        axes.set_xlabel("updates", fontsize=9)
        axes.grid(alpha=0.25)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in list(grid.flat)[len(panels) :]:
        axes.axis("off")
    handles = {
        label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
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
    figure.suptitle("Benchmarks over training" + (f"\n{caveat}" if caveat else ""), fontsize=12)
    return figure


def _line(axes: "Axes", run: str, curve: Sequence[Row], place: int) -> None:
    colour = COLOURS[place % len(COLOURS)]
    steps = [row.step for row in curve if row.step is not None]
    values = [row.value for row in curve if row.value is not None]
    axes.plot(steps, values, color=colour, linewidth=2, marker=MARKERS[place % len(MARKERS)], markersize=4, label=run)
    intervals = [row.interval or (math.nan, math.nan) for row in curve]
    axes.fill_between(
        steps, [low for low, _ in intervals], [high for _, high in intervals], color=colour, alpha=0.15, linewidth=0
    )


def _reference(axes: "Axes", row: Row, place: int) -> None:
    assert row.value is not None, "a panel has no others"
    colour = COLOURS[place % len(COLOURS)]
    axes.axhline(row.value, color=colour, linewidth=1.5, linestyle=STYLES[place % len(STYLES)], label=row.checkpoint)
