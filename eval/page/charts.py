"""Charts of evaluations, as plotly's JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from eval.tables.measured import MeasuredRow
from salmon.view.lines import line_trace, plain_label
from salmon.view.page import Chart

# Orange (1) over white (0.5, chance) to purple (0): told apart by every kind of colour blindness.
DIVERGING = ((0.0, "#542788"), (0.25, "#998ec3"), (0.5, "#f7f7f7"), (0.75, "#f1a340"), (1.0, "#b35806"))
LINE, MARGIN = 26, 150  # pixels: of a line of a chart, and of all that is around the lines


def interval_chart(title: str, measured: Sequence[MeasuredRow]) -> Chart:
    """A point with its 95 % interval for each value; a line for each metric, a colour for each checkpoint."""
    labels = list(dict.fromkeys(one.label for one in measured))
    traces = []
    for place, name in enumerate(labels):
        rows = [one.row for one in measured if one.label == name]
        values = [row.value or 0.0 for row in rows]
        ends = [row.interval or (value, value) for row, value in zip(rows, values, strict=True)]
        style = line_trace(place, name, len(rows))
        traces.append(
            {
                **style,
                "mode": "markers",
                "orientation": "h",
                "offsetgroup": name,
                "x": values,
                "y": [f"{row.task}/{row.metric}" for row in rows],
                "error_x": {
                    "type": "data",
                    "symmetric": False,
                    "array": [high - value for (_, high), value in zip(ends, values, strict=True)],
                    "arrayminus": [value - low for (low, _), value in zip(ends, values, strict=True)],
                    "color": style["line"]["color"],
                },
                "hovertemplate": "%{y}: %{x:.3f}<extra>%{fullData.name}</extra>",
            }
        )
    metrics = len({f"{one.row.task}/{one.row.metric}" for one in measured})
    layout = {
        "height": MARGIN + LINE * metrics * max(1, len(labels)),
        "scattermode": "group",
        "yaxis": {"autorange": "reversed", "type": "category"},
    }
    summary = f"{len(measured)} figures of {', '.join(labels)} with their intervals; the table below has the numbers."
    return Chart(title, summary, traces, layout)


def matrix_chart(title: str, matrix: Mapping[str, Any], values: Sequence[Sequence[float | None]]) -> Chart:
    """Accuracy of the preference when one principle is given and another is measured, as a heat map."""
    names = [plain_label(str(name)) for name in matrix["names"]]
    columns = [f"{name} (n={n})" for name, n in zip(names, matrix["counts"], strict=True)]
    trace = {
        "type": "heatmap",
        "x": columns,
        "y": names,
        "z": values,
        "zmin": 0,
        "zmax": 1,
        "colorscale": [list(step) for step in DIVERGING],
        "texttemplate": "%{z:.2f}",
        "hoverongaps": False,
        "colorbar": {"title": {"text": "accuracy"}},
        "hovertemplate": "given %{y}, measured %{x}: %{z:.3f}<extra></extra>",
    }
    layout = {
        "height": MARGIN + 120 + LINE * len(names),
        "xaxis": {"title": {"text": "principle measured"}, "tickangle": 35},
        "yaxis": {"title": {"text": "principle given"}, "autorange": "reversed"},
    }
    own = [line[place] for place, line in enumerate(values)]
    followed = ", ".join(f"{name} {value:.2f}" for name, value in zip(names, own, strict=True) if value is not None)
    return Chart(title, f"Accuracy by the principle given: {followed}.", [trace], layout)
