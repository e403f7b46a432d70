"""The charts of a study's page: one style for each cell in all of them."""

from collections.abc import Sequence
from typing import Any

from salmon.tracking.plot_style import BAND_ALPHA, line_style
from salmon.view.page import Chart, numbers
from sweeps.cells import Cell
from sweeps.frontier import frontier_paths

DASHES = {"-": "solid", "--": "dash", "-.": "dashdot", ":": "dot"}
STROKES = {"solid": "none", "dash": "6 4", "dashdot": "7 3 2 3", "dot": "2 3"}  # the same for a line of SVG
SYMBOLS = {
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
}
BLACK, GREY = "#000000", "#808080"  # black is the colour of words, so white on a dark page


def cell_style(place: int) -> dict[str, str]:
    """Colour, dashes and symbol of the cell number ``place``; 28 cells differ."""
    style = line_style(place)
    colour = "theme:ink" if style["color"] == BLACK else style["color"]
    dash = DASHES[style["linestyle"]]
    return {"color": colour, "dash": dash, "stroke": STROKES[dash], "symbol": SYMBOLS[style["marker"]]}


def _shade(colour: str) -> str:
    colour = GREY if colour == "theme:ink" else colour
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND_ALPHA + 0.05:.2f})"


def frontier_chart(cells: Sequence[Cell]) -> Chart:
    """Reward against KL: a line for each policy, a large mark where it ended."""
    traces: list[dict[str, Any]] = []
    for place, cell in enumerate(cells):
        style = cell_style(place)
        for path in frontier_paths(cell):
            last = len(path.steps) - 1
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers",
                    "name": chart_label(cell.name),
                    "meta": place,
                    "x": numbers(path.kl),
                    "y": numbers(path.reward),
                    "text": [f"seed {path.seed}, after {step} updates" for step in path.steps],
                    "hovertemplate": "%{text}<br>KL %{x}, reward %{y}",
                    "line": {"color": style["color"], "dash": style["dash"], "width": 1.5},
                    "marker": {
                        "color": style["color"],
                        "symbol": style["symbol"],
                        "size": [10 if step == last else 4 for step in range(len(path.steps))],
                    },
                }
            )
    layout = {
        "showlegend": False,
        "xaxis": {"title": {"text": "KL from the SFT policy (nats/response)"}, "rangemode": "tozero"},
        "yaxis": {"title": {"text": "held-out reward (score)"}},
    }
    summary = (
        "Held-out reward against KL: a line for each policy, from its start to the large mark where it ended. "
        "The table of cells has the ends."
    )
    return Chart("Reward against KL: what a nat buys", summary, traces, layout)


def curve_chart(cells: Sequence[Cell]) -> Chart:
    """Of the chosen metric a line for each cell and its band; the page's script puts the numbers in."""
    traces: list[dict[str, Any]] = []
    for place, cell in enumerate(cells):
        style, shared = cell_style(place), {"type": "scatter", "meta": place, "x": {"column": f"curve/{place}/x"}}
        edge = shared | {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        line = {"color": style["color"], "dash": style["dash"], "width": 2}
        traces += [
            edge | {"y": {"column": f"curve/{place}/low"}},
            edge | {"y": {"column": f"curve/{place}/high"}, "fill": "tonexty", "fillcolor": _shade(style["color"])},
            shared
            | {
                "y": {"column": f"curve/{place}/mean"},
                "mode": "lines+markers",
                "name": chart_label(cell.name),
                "line": line,
                "marker": {"color": style["color"], "symbol": style["symbol"], "size": 5, "maxdisplayed": 12},
            },
        ]
    summary = (
        "The chosen metric over the updates: a line for the mean of each cell's seeds, and a band from the lowest "
        "to the highest seed."
    )
    layout = {"showlegend": False, "xaxis": {"title": {"text": "updates"}}, "yaxis": {"title": {"text": ""}}}
    return Chart("Curves: mean of the seeds, and their range", summary, traces, layout)


def chart_label(name: str) -> str:
    """A name as plotly shows it: its labels read a little HTML."""
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
