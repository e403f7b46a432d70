"""How lines of a chart look: colours that a colour-blind reader tells apart, and dashes and markers beside them."""

import html
from typing import Any

from salmon.tracking.plot_style import COLOURS

BLACK = "#000000"
DASHES = ("solid", "dash", "dashdot", "dot")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x")
MOST_MARKERS = 60  # points of a line above which markers would hide it


def line_trace(place: int, name: str, points: int) -> dict[str, Any]:
    """A trace without its data: the line number ``place`` (from 0) of a chart, with so many points."""
    colour = COLOURS[place % len(COLOURS)]
    colour = "theme:ink" if colour == BLACK else colour
    return {
        "type": "scatter",
        "mode": "lines+markers" if points <= MOST_MARKERS else "lines",
        "name": plain_label(name),
        "line": {"color": colour, "dash": DASHES[place // len(COLOURS) % len(DASHES)], "width": 2},
        "marker": {"color": colour, "symbol": SYMBOLS[place % len(SYMBOLS)], "size": 6},
        "hovertemplate": "%{y:.4g} at %{x:.4g}<extra>%{fullData.name}</extra>",
    }


def plain_label(text: str) -> str:
    """A text as plotly shows it as it is: its labels know some tags."""
    return html.escape(text, quote=False)
