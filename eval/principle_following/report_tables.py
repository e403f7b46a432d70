"""Parts of a report that all of its sections share, as Markdown."""

from eval.principle_following.bootstrap import BootstrapEstimate
from eval.principle_following.calibration import Calibration
from eval.principle_following.shares import Figures
from salmon.runtime.tables import markdown_table


def cell(figure: BootstrapEstimate | None) -> str:
    """A figure with its interval and what is behind it; "" for None."""
    if figure is None:
        return ""
    if figure.value is None:
        return "n/a (n=0)"
    interval = "" if figure.low is None else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.value:.3f}{interval} (n={figure.n})"


def overall_table(figures: Figures, others: dict[str, BootstrapEstimate]) -> str:
    """Means over principles beside all comparisons at once, and figures that there is one of."""
    rows = [[metric, cell(figure), cell(figures.pooled.get(metric))] for metric, figure in figures.mean.items()]
    rows += [[metric, cell(figure), ""] for metric, figure in others.items()]
    return markdown_table(["metric", "mean over principles", "all comparisons at once"], rows)


def reliability_table(calibration: Calibration) -> str:
    """What the probabilities say beside what is so."""
    return markdown_table(
        ["probability", "n", "predicted", "observed"],
        [
            [
                f"{row.low:.1f} to {row.high:.1f}",
                str(row.n),
                *("" if x is None else f"{x:.3f}" for x in (row.predicted, row.observed)),
            ]
            for row in calibration.reliability
        ],
    )
