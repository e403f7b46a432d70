"""The ratings of each category as a radar plot, a polygon for each checkpoint."""

import math
from collections.abc import Sequence
from pathlib import Path

from eval.mt_bench import TASK
from eval.results import Row
from salmon.tracking.plot_style import LABEL, PANEL_TITLE, TITLE, line_style, save_figure

PREFIX = "score/"
FILE = "mt_bench_radar.png"


def radar(path: Path, rows: Sequence[Row]) -> Path | None:
    """Draw the checkpoints' ratings by category (1 to 10); None where there are no three categories to draw.

    A checkpoint without a rating in some category is not drawn, and is named.
    """
    values = {
        (row.checkpoint, row.metric.removeprefix(PREFIX)): row.value
        for row in rows
        if row.task == TASK and row.metric.startswith(PREFIX)
    }
    categories = list(dict.fromkeys(category for _, category in values))
    checkpoints = list(dict.fromkeys(checkpoint for checkpoint, _ in values))
    by_checkpoint = {name: [values.get((name, category)) for category in categories] for name in checkpoints}
    drawn = {name: [v for v in found if v is not None] for name, found in by_checkpoint.items() if None not in found}
    if len(categories) < 3 or not drawn:
        return None
    from matplotlib.figure import Figure  # without pyplot: no display, nothing global

    angles = [2 * math.pi * i / len(categories) for i in range(len(categories))]
    figure = Figure(figsize=(7.5, 6.5), layout="compressed")
    axes = figure.add_subplot(projection="polar")
    axes.set_theta_offset(math.pi / 2)  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    for place, (name, ratings) in enumerate(drawn.items()):
        axes.plot([*angles, angles[0]], [*ratings, ratings[0]], **line_style(place), label=name)
    axes.set_xticks(angles, categories, fontsize=PANEL_TITLE)
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        aside = round(math.sin(angle), 6)  # right of the middle above 0: the name begins at the circle
        label.set_horizontalalignment("center" if aside == 0 else "left" if aside > 0 else "right")
    axes.set_ylim(0, 10)
    axes.set_yticks(range(2, 11, 2))
    lacking = [name for name in checkpoints if name not in drawn]
    without = f"\nnot drawn, without a rating in some category: {', '.join(lacking)}" if lacking else ""
    judges = dict.fromkeys(row.provenance.judge for row in rows if row.task == TASK and row.provenance)
    figure.suptitle(
        f"MT-Bench by category, judged by {', '.join(str(judge) for judge in judges)}{without}", fontsize=TITLE
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1.05, 1.0), fontsize=LABEL)
    path.parent.mkdir(parents=True, exist_ok=True)
    return save_figure(figure, path, [path.suffix])[0]
