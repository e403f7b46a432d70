"""Pictures of a study: reward against KL, figures against the size of a model, and all cells at a glance."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from salmon.tracking.plot_style import (
    FAINT,
    GRID_ALPHA,
    PANEL_TITLE,
    SEQUENTIAL,
    SMALL,
    line_style,
    panel_grid,
    save_figure,
    say_no_data,
)
from sweeps.cells import Cell
from sweeps.frontier import frontier_paths
from sweeps.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


SIZES = ("model", "reward.layers")  # swept settings that say how large a model is


def size_axis(cells: Sequence[Cell]) -> str | None:
    """The swept setting that is a size, if there is one."""
    return next((key for key in SIZES if key in cells[0].axes), None)


def draw_frontier(path: Path, cells: Sequence[Cell]) -> list[Path]:
    """Held-out reward against KL: each finished job from its start (0 nats) to its end.

    Colour: the cell without its size; marker: the size.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    size = size_axis(cells)
    groups = list(dict.fromkeys(_without(cell, size) for cell in cells))
    sizes = list(dict.fromkeys(cell.axes.get(size or "", "") for cell in cells))
    for cell in cells:
        colour = line_style(groups.index(_without(cell, size)))["color"]
        marker = line_style(sizes.index(cell.axes.get(size or "", "")))["marker"]
        label: str | None = cell.name + (", n = 1" if len(cell.policies) == 1 else "")
        for way in frontier_paths(cell):
            axes.plot(way.kl, way.reward, color=colour, linewidth=1, alpha=0.5)
            axes.plot(
                way.kl[-1:], way.reward[-1:], color=colour, marker=marker, linestyle="", markersize=7, label=label
            )
            label = None  # once a cell
    axes.set_xlabel("KL from the SFT policy (nats/response)")
    axes.set_ylabel("held-out reward, under the cell's own principles")
    axes.set_title("Reward against KL: a line a job, a mark where it ended")
    axes.grid(alpha=GRID_ALPHA)
    _legend_or_nothing(axes)
    return save_figure(figure, path)


def draw_scaling(path: Path, cells: Sequence[Cell], figures: Sequence[str], size: str) -> list[Path]:
    """Each figure against a swept size, in the order of the sweep: a line for each choice of the other axes.

    A line says at which sizes it rests on one measurement, which has no bar.
    """
    figure, grid = panel_grid(len(figures), columns=3)
    sizes = list(dict.fromkeys(cell.axes[size] for cell in cells))
    groups = list(dict.fromkeys(_without(cell, size) for cell in cells))
    for axes, name in zip(grid, figures, strict=True):
        for place, group in enumerate(groups):
            found = {cell.axes[size]: cell.estimate(name) for cell in cells if _without(cell, size) == group}
            known = [
                (sizes.index(value), e.mean, e.half_width or 0.0) for value, e in found.items() if e.mean is not None
            ]
            if not known:
                continue
            single = [value for value, e in found.items() if e.n == 1]
            label = group + (f" (n = 1 at {', '.join(single)})" if single else "")
            x, mean, half = zip(*sorted(known), strict=True)
            shifted = [value + 0.04 * (place - (len(groups) - 1) / 2) for value in x]  # so that bars do not hide bars
            axes.errorbar(shifted, mean, half, **line_style(place), capsize=3, label=label)
        axes.set_xticks(range(len(sizes)), sizes)
        axes.set_xlim(-0.5, len(sizes) - 0.5)
        axes.set_xlabel(size)
        axes.set_title(name, fontsize=PANEL_TITLE)
        axes.grid(alpha=GRID_ALPHA)
        _legend_or_nothing(axes)
    figure.suptitle(f"By {size}: mean of the seeds and its 95 % interval")
    return save_figure(figure, path)


def draw_heat_map(path: Path, table: Mapping[str, Mapping[str, Estimate]], figures: Sequence[str]) -> list[Path]:
    """Cells x figures with the means written in; a column's colours go from its lowest mean to its highest.

    A mean of one measurement says so.
    """
    from matplotlib.figure import Figure

    estimates = [[row[name] for name in figures] for row in table.values()]
    means = [[estimate.mean for estimate in row] for row in estimates]
    figure = Figure(figsize=(3 + 1.1 * len(figures), 2.2 + 0.45 * len(table)), layout="constrained")
    axes = figure.subplots()
    shades = list(zip(*(_relative(column) for column in zip(*means, strict=True)), strict=True))
    axes.imshow(
        [[math.nan if shade is None else shade for shade in row] for row in shades],
        cmap=SEQUENTIAL,
        vmin=0,
        vmax=1,
        aspect="auto",
    )
    for y, row in enumerate(means):
        for x, mean in enumerate(row):
            shade = shades[y][x]
            axes.text(
                x,
                y,
                "missing" if mean is None else f"{mean:.3g}" + ("\nn = 1" if estimates[y][x].n == 1 else ""),
                ha="center",
                va="center",
                fontsize=SMALL,
                color=FAINT if shade is None else "black" if shade > 0.5 else "white",
            )
    axes.set_xticks(
        range(len(figures)),
        [name.removeprefix("held_out/").removeprefix("eval/") for name in figures],
        rotation=40,
        ha="right",
        fontsize=SMALL,
    )
    axes.set_yticks(range(len(table)), list(table), fontsize=SMALL)
    axes.set_title("Means (colour: lowest to highest of a column; intervals are in the table)", fontsize=PANEL_TITLE)
    return save_figure(figure, path)


def _without(cell: Cell, size: str | None) -> str:
    """The cell's choices on the axes that are no size."""
    return ", ".join(value for key, value in cell.axes.items() if key != size) or "all"


def _relative(column: Sequence[float | None]) -> list[float | None]:
    """To 0..1 from lowest to highest; 0.5 where all are equal."""
    known = [value for value in column if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    return [None if value is None else 0.5 if high == low else (value - low) / (high - low) for value in column]


def _legend_or_nothing(axes: "Axes") -> None:
    if axes.has_data():
        axes.legend(fontsize=SMALL, frameon=False)
    else:
        say_no_data(axes)
