"""Weighted means over comparisons, by principle, and what is made of them: their mean, and all comparisons at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.principle_following.bootstrap import BootstrapEstimate, Draws, PromptBootstrap, mean_of, ratio

BOUNDED = ("accuracy_asserted", "accuracy_negated", "flip_rate", "opposite_flip_rate", "consistency")  # from 0 to 1


@dataclass(frozen=True)
class Figures:
    """Of each principle (or family), their mean over principles, and over all comparisons at once."""

    by_principle: dict[str, dict[str, BootstrapEstimate]]  # metric -> principle -> figure
    mean: dict[str, BootstrapEstimate]  # metric -> figure
    pooled: dict[str, BootstrapEstimate]
    tied: dict[str, int]  # principle -> pairs that its check does not tell apart


@dataclass(frozen=True)
class Share:
    """A weighted mean in the making."""

    hits: Draws
    total: Draws
    n: int
    prompts: int


def share_of(hits: np.ndarray, weight: np.ndarray | None, prompt: np.ndarray, bootstrap: PromptBootstrap) -> Share:
    """``sum(hits) / sum(weight)`` of comparisons [N].

    Args:
        weight: [N]; None: 1 each.
        prompt: [N] number of each one's prompt.
    """
    below = np.ones(len(hits)) if weight is None else weight
    return Share(bootstrap.sums(hits, prompt), bootstrap.sums(below, prompt), len(hits), len(np.unique(prompt)))


def share_figures(
    shares: Mapping[str, Mapping[str, Share]], bootstrap: PromptBootstrap, tied: dict[str, int]
) -> Figures:
    """All figures of metric -> principle -> share."""
    return Figures(
        {
            metric: {
                name: bootstrap.estimate(ratio(s.hits, s.total), s.n, s.prompts, metric in BOUNDED)
                for name, s in each.items()
            }
            for metric, each in shares.items()
        },
        {metric: _mean(list(each.values()), bootstrap, metric in BOUNDED) for metric, each in shares.items()},
        {metric: _pooled(list(each.values()), bootstrap, metric in BOUNDED) for metric, each in shares.items()},
        tied,
    )


def _mean(shares: Sequence[Share], bootstrap: PromptBootstrap, bounded: bool) -> BootstrapEstimate:
    draws = mean_of([ratio(s.hits, s.total) for s in shares])
    return bootstrap.estimate(draws, sum(s.n for s in shares), max(s.prompts for s in shares), bounded)


def _pooled(shares: Sequence[Share], bootstrap: PromptBootstrap, bounded: bool) -> BootstrapEstimate:
    hits, total = (np.sum(part, axis=0) for part in ([s.hits for s in shares], [s.total for s in shares]))
    return bootstrap.estimate(ratio(hits, total), sum(s.n for s in shares), max(s.prompts for s in shares), bounded)
