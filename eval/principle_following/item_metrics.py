"""What is measured of a set of items, on arrays: no model, no files."""

from dataclasses import dataclass

import numpy as np

from eval.principle_following.bootstrap import BootstrapEstimate, PromptBootstrap
from eval.principle_following.calibration import Calibration, calibration_of
from eval.principle_following.items import ItemTable
from eval.principle_following.metrics import correct, spearman, turned
from eval.principle_following.shares import Figures, Share, share_figures, share_of


@dataclass(frozen=True)
class ItemFigures:
    """All figures of a set of items."""

    figures: Figures
    calibration: Calibration
    # Spearman correlation of margin and difference in length, over all asserted and negated comparisons. Truth and
    # length are independent there, since every pair counts in both directions.
    length_correlation: BootstrapEstimate


def measure_items(table: ItemTable, bootstrap: PromptBootstrap) -> ItemFigures:
    """Accuracies, flip rate, consistency of wordings, ratios of conflict, calibration and length correlation."""
    shares = {
        metric: by_group
        for metric, hits, weight in _quantities(table)
        if (by_group := _by_group(table, hits, weight, bootstrap))
    }
    margin, truth, longer, prompt = _comparisons(table)
    lengths = spearman(margin, longer, prompt, bootstrap)
    return ItemFigures(
        share_figures(shares, bootstrap, {}),
        calibration_of(margin, truth, prompt, bootstrap),
        bootstrap.estimate(lengths, len(margin), len(np.unique(prompt))),
    )


def _quantities(table: ItemTable) -> list[tuple[str, np.ndarray, np.ndarray | None]]:
    """Each metric with its numerator [N], NaN where an item says nothing, and its denominator [N]."""
    asserted, negated = table.asserted[:, 0], table.negated[:, 0]
    return [
        ("accuracy_asserted", correct(asserted, table.truth), None),
        ("accuracy_negated", correct(negated, -table.truth), None),
        ("flip_rate", np.where(np.isnan(negated), np.nan, turned(asserted, negated)), None),
        ("consistency", consistent(table), None),
        *((f"{name}_ratio", *_ratio(getattr(table, name))) for name in ("conflict", "disagreement")),
    ]


def consistent(table: ItemTable) -> np.ndarray:
    """1 where all wordings of a polarity prefer the same response, 0 elsewhere, mean of both polarities; [N].

    NaN where there are no two wordings. A margin of 0 agrees with nothing.
    """
    return np.array([_agreement([one, other]) for one, other in zip(table.asserted, table.negated, strict=True)])


def _agreement(polarities: list[np.ndarray]) -> float:
    known = [margins[~np.isnan(margins)] for margins in polarities]
    agree = [float(abs(np.sign(margins).sum()) == len(margins)) for margins in known if len(margins) > 1]
    return sum(agree) / len(agree) if agree else np.nan


def _ratio(margins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean |margin| [N] under two texts together, and under each alone."""
    size = np.abs(margins)
    return size[:, 2:].mean(axis=1), size[:, :2].mean(axis=1)


def _by_group(
    table: ItemTable, hits: np.ndarray, weight: np.ndarray | None, bootstrap: PromptBootstrap
) -> dict[str, Share]:
    found = {}
    for number, name in enumerate(table.groups):
        mine = (table.group == number) & ~np.isnan(hits)
        if mine.any():
            found[name] = share_of(hits[mine], None if weight is None else weight[mine], table.prompt[mine], bootstrap)
    return found


def _comparisons(table: ItemTable) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Margin, truth, difference in length and prompt of every comparison, asserted and negated; each [M]."""
    margin = np.concatenate([table.asserted[:, 0], table.negated[:, 0]])
    known = ~np.isnan(margin)
    truth = np.concatenate([table.truth, -table.truth])
    longer, prompt = (np.tile(part, 2) for part in (table.longer, table.prompt))
    return margin[known], truth[known], longer[known], prompt[known]
