"""The matrix of principles given and measured, as a heat map."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from salmon.tracking.plot_style import DIVERGING, EMPTY, LABEL, PANEL_TITLE, SMALL, TITLE, save_figure

if TYPE_CHECKING:
    from matplotlib.colors import Colormap


def heat_map(
    path: Path, names: Sequence[str], measured: np.ndarray, reference: np.ndarray, counts: Sequence[int], title: str
) -> list[Path]:
    """Draw ``measured`` [K, K] beside ``reference`` [K, K] as ``path``.png and ``path``.svg; the files.

    Args:
        counts: pairs [K] behind each column.
    """
    from matplotlib.figure import Figure  # without pyplot: no display, nothing global

    k = len(names)
    side = 2.2 + 0.62 * k
    figure = Figure(figsize=(2 * side + 1.2, side + 2), layout="compressed")
    left, right = figure.subplots(1, 2, sharey=True)
    for axes, values, heading in ((left, measured, "the reward model"), (right, reference, "perfect obedience")):
        image = axes.imshow(np.ma.masked_invalid(values), cmap=_colours(), vmin=0.0, vmax=1.0)
        axes.set_title(heading, fontsize=TITLE)
        axes.set_xticks(
            range(k),
            [f"{name} (n={n})" for name, n in zip(names, counts, strict=True)],
            rotation=40,
            ha="right",
            rotation_mode="anchor",
            fontsize=LABEL,
        )
        axes.set_yticks(range(k), names, fontsize=LABEL)
        axes.tick_params(length=0)
        axes.set_xlabel("principle measured", fontsize=PANEL_TITLE)
        for (i, j), value in np.ndenumerate(values):
            shown = "–" if np.isnan(value) else f"{value:.2f}"
            axes.text(
                j,
                i,
                shown,
                ha="center",
                va="center",
                fontsize=SMALL,
                color=_ink(value),
                fontweight="bold" if i == j else "normal",
            )
    left.set_ylabel("principle given", fontsize=PANEL_TITLE)
    figure.suptitle(title, fontsize=TITLE)
    bar = figure.colorbar(image, ax=[left, right], shrink=0.8, pad=0.01)
    bar.set_label("accuracy of the preference (0.5 = chance)", fontsize=LABEL)
    return save_figure(figure, path)


def _colours() -> "Colormap":
    import matplotlib

    return matplotlib.colormaps[DIVERGING].with_extremes(bad=EMPTY)


def _ink(value: float) -> str:
    """White on the two dark ends, black elsewhere."""
    return "white" if not np.isnan(value) and abs(value - 0.5) > 0.33 else "black"
