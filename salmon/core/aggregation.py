"""From judgements of a pair to its preference label (PAPER.md 2.3).

Every score is log-odds in favour of response 1: positive = response 1 is better.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Float

LabelRule = Literal["most_pronounced", "sum"]
Numbers = TypeVar("Numbers", float, np.ndarray)


@dataclass(frozen=True)
class Decision:
    """Which response is preferred, and which principle decided."""

    label: int  # +1 = response 1, -1 = response 2, 0 = undecided
    index: int | None  # of the deciding score; None where no single one decided


def combine_orders(original_order: float, swapped_order: float) -> tuple[float, bool]:
    """One score from both orders of presentation, and whether the orders disagree (a tie, score 0).

    ``original_order`` is the log-odds that response 1 is better when it was shown first; ``swapped_order`` the same
    quantity, sign already turned, when it was shown second. An order without an opinion (0) disagrees.
    Raises ``ValueError`` for a non-finite log-odds.
    """
    _require_finite(np.array([original_order, swapped_order]))
    agree = np.sign(original_order) == np.sign(swapped_order) != 0
    return ((original_order + swapped_order) / 2, False) if agree else (0.0, True)


def position_bias(original_order: Numbers, swapped_order: Numbers) -> Numbers:
    """Log-odds that the judge gives to the first place whatever stands there (arguments as above).

    ``original_order = opinion + bias`` and ``swapped_order = opinion - bias``, hence half the difference.
    """
    return (original_order - swapped_order) / 2


def normalize_by_variance(
    scores: Float[np.ndarray, "N K"], sample: Float[np.ndarray, "M K"]
) -> Float[np.ndarray, "N K"]:
    """Each principle's scores ``[N, K]`` divided by the variance of its column of ``sample`` ``[M, K]``.

    The population VARIANCE, not the standard deviation, as in the original: principles with small
    scores come to weigh more than the others, not merely the same. What the sample is decides who weighs
    more. The judgements of both orders (the original) hold the judge's preference for a place too,
    so a principle that is judged by the place weighs less. A principle whose sample has one value
    says nothing about a pair and becomes 0. Raises ``ValueError`` for a non-finite number.
    """
    _require_finite(scores)
    _require_finite(sample)
    constant = np.ptp(sample, axis=0) == 0
    return np.where(constant, 0.0, scores / np.where(constant, 1.0, sample.var(axis=0)))


def draw_num_principles(p: float, maximum: int, rng: np.random.Generator) -> int:
    """A geometric number of principles (1, 2, ...; success probability ``p``) given that it is at most
    ``maximum``.

    Drawn from the conditional distribution, which is what rejecting larger draws amounts to; this way a
    tiny ``p`` costs nothing. p = 0.2 and maximum = 8 give a mean of 3.39.
    """
    if not (0 < p <= 1 and maximum >= 1):
        raise ValueError(f"no geometric distribution has p={p} and a maximum of {maximum}")
    weights = (1 - p) ** np.arange(maximum)
    return int(rng.choice(maximum, p=weights / weights.sum())) + 1


def decide(scores: Sequence[float] | Float[np.ndarray, " K"], rule: LabelRule) -> Decision:
    """The label that the principles' scores ``[K]`` give a pair; 0 where they leave it open.

    ``most_pronounced`` (the paper): the sign of the score with the largest magnitude, the first of
    equals; principles come in random order, so that favours none. ``sum``: the sign of the sum, whatever
    the order (exact summation). Raises ``ValueError`` without scores or for a non-finite one.
    """
    values = np.asarray(scores, dtype=float)
    _require_finite(values)
    if values.ndim != 1 or values.size == 0:
        raise ValueError(f"need scores of shape [K] with K > 0, not {list(values.shape)}")
    match rule:
        case "most_pronounced":
            index = int(np.abs(values).argmax())
            label = int(np.sign(values[index]))
            return Decision(label, index if label else None)
        case "sum":
            return Decision(int(np.sign(math.fsum(values))), None)
        case _:
            raise ValueError(f"unknown label rule {rule!r}")


def flip(label: int, probability: float, rng: np.random.Generator) -> int:
    """The label, turned round with the given probability (label noise).

    Always draws one number, so that changing the probability does not shift the stream's later draws.
    """
    return -label if rng.random() < probability else label


def _require_finite(scores: Float[np.ndarray, "..."]) -> None:
    if not np.isfinite(scores).all():
        raise ValueError(f"scores are not finite: {scores[~np.isfinite(scores)][:3]}")
