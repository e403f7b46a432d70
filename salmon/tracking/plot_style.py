"""How every picture looks: lines that a colour-blind reader tells apart, the grid of panels, and how it is saved."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which every kind of colour blindness tells apart; yellow left out (too light for a line).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
DASHES = ("-", "--", "-.", ":")
MARKERS = "osD^vPX"
SEQUENTIAL = "cividis"  # of shades from low to high
DIVERGING = "PuOr_r"  # of shades around a middle: orange above, purple below
EMPTY = "0.85"  # grey of a cell without a value
FAINT = "0.4"  # grey of words in the place of a line

DPI = 120  # of PNG files
TITLE, PANEL_TITLE, LABEL, SMALL = 13, 11, 10, 9  # points
BAND_ALPHA, GRID_ALPHA = 0.15, 0.25


def line_style(place: int) -> dict[str, Any]:
    """Colour, dashes and marker of the line number ``place`` (from 0); seven lines differ in colour and marker."""
    return {
        "color": COLOURS[place % len(COLOURS)],
        "linestyle": DASHES[place % len(DASHES)],
        "marker": MARKERS[place % len(MARKERS)],
    }


def panel_grid(count: int, columns: int, width: float = 4.2, height: float = 3.3) -> tuple["Figure", list["Axes"]]:
    """A figure with ``count`` panels in rows of ``columns`` at most.

    Args:
        width: of a panel, in inches.
        height: of a panel, in inches.
    """
    from matplotlib.figure import Figure  # without pyplot: no display, nothing global

    columns = min(columns, count)
    lines = math.ceil(count / columns)
    figure = Figure(figsize=(1.5 + width * columns, 1.8 + height * lines), layout="constrained")
    grid = list(figure.subplots(lines, columns, squeeze=False).flat)
    for unused in grid[count:]:
        unused.axis("off")
    return figure, grid[:count]


def finish_panel(axes: "Axes", title: str, xlabel: str, ylabel: str = "") -> None:
    """Title, labels and grid of a panel whose x axis counts updates."""
    from matplotlib.ticker import MaxNLocator

    axes.set_title(title, fontsize=PANEL_TITLE)
    axes.set_xlabel(xlabel, fontsize=LABEL)
    axes.set_ylabel(ylabel, fontsize=LABEL)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=GRID_ALPHA)


def legend_below(figure: "Figure", panels: Sequence["Axes"], title: str) -> None:
    """One legend for the lines of all panels, below them; none where there is no line."""
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    if handles:
        figure.legend(
            handles.values(),
            handles.keys(),
            loc="outside lower center",
            ncols=min(4, len(handles)),
            fontsize=LABEL,
            frameon=False,
            title=title,
            title_fontsize=SMALL,
        )


def say_no_data(axes: "Axes") -> None:
    """Say in the middle of a panel that there is nothing to show."""
    axes.text(0.5, 0.5, "no data", ha="center", va="center", transform=axes.transAxes, color=FAINT)


def save_figure(figure: "Figure", path: Path, suffixes: Sequence[str] = (".png", ".svg")) -> list[Path]:
    """Save as ``path`` with each suffix; equal pictures give equal files, without a time stamp.

    The margins are where the last word ends, so that no title, label or legend is cut off.
    """
    import matplotlib

    files = [path.with_suffix(suffix) for suffix in suffixes]
    with matplotlib.rc_context({"svg.hashsalt": "salmon"}):
        for file in files:
            undated = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=DPI, bbox_inches="tight", metadata=undated)
    return files
