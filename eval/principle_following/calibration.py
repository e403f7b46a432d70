"""Does ``sigmoid(margin)`` say how likely response 1 is the better one?"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.principle_following.bootstrap import BootstrapEstimate, PromptBootstrap, ratio
from eval.principle_following.tables import PairTable, PrincipleTable

BINS = 10


@dataclass(frozen=True)
class ReliabilityRow:
    """Comparisons whose probability lies in one of ten equally wide bins."""

    low: float
    high: float
    n: int
    predicted: float | None  # mean probability that response 1 is better
    observed: float | None  # share where it is


@dataclass(frozen=True)
class Calibration:
    ece: BootstrapEstimate  # expected calibration error: mean |predicted - observed|, bins by n (Guo et al. 2017)
    brier: BootstrapEstimate  # mean squared error of the probability (Brier 1950)
    reliability: list[ReliabilityRow]


def calibration(tables: Sequence[PrincipleTable], pairs: PairTable, bootstrap: PromptBootstrap) -> Calibration:
    """Of the Bradley-Terry probability, on all pairs under each principle and under each negation."""
    return calibration_of(*_comparisons(tables, pairs), bootstrap)


def calibration_of(
    margin: np.ndarray, truth: np.ndarray, prompt: np.ndarray, bootstrap: PromptBootstrap
) -> Calibration:
    """Of M comparisons.

    The ECE of few comparisons is too large: chance alone moves the shares in the bins.

    Args:
        margin: [M] by how much response 1 is preferred.
        truth: [M] 1 / -1 where response 1 / 2 is the better one.
        prompt: [M] number of the prompt.
    """
    probability = 0.5 * (1 + np.tanh(margin / 2))  # the sigmoid, without overflow
    outcome = (truth > 0).astype(float)
    bins = np.minimum((probability * BINS).astype(int), BINS - 1)
    inside = bins[:, None] == np.arange(BINS)  # [M, 10]
    total = bootstrap.sums(inside.astype(float), prompt)  # [1 + B, 10]
    predicted = bootstrap.sums(inside * probability[:, None], prompt)
    observed = bootstrap.sums(inside * outcome[:, None], prompt)
    n, prompts = len(probability), len(np.unique(prompt))
    everything = total.sum(axis=1)
    squared = bootstrap.sums((probability - outcome) ** 2, prompt)
    table = [
        ReliabilityRow(
            b / BINS,
            (b + 1) / BINS,
            int(total[0, b]),
            *((float(x[0, b] / total[0, b]) if total[0, b] else None) for x in (predicted, observed)),
        )
        for b in range(BINS)
    ]
    return Calibration(
        bootstrap.estimate(ratio(np.abs(predicted - observed).sum(axis=1), everything), n, prompts),
        bootstrap.estimate(ratio(squared, everything), n, prompts),
        table,
    )


def _comparisons(tables: Sequence[PrincipleTable], pairs: PairTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Margin, truth and prompt of every comparison, each [M], without ties."""
    parts = [
        (margin[table.truth != 0], sign * table.truth[table.truth != 0], pairs.prompt[table.truth != 0])
        for table in tables
        for margin, sign in ((table.asserted, 1), (table.negated, -1))
        if margin is not None
    ]
    margin, truth, prompt = (np.concatenate(part) for part in zip(*parts, strict=True))
    return margin, truth, prompt
