"""Means of independent samples of a few numbers, with intervals of Student's t."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """An estimate between its limits."""

    mean: float
    low: float
    high: float


def interval_of_mean(values: Sequence[float], confidence: float) -> Interval:
    """The mean of two or more values, with its interval (Student 1908)."""
    return _interval(_mean(values), _variance(values) / len(values), len(values) - 1, confidence)


def welch_change(
    before: Sequence[float], after: Sequence[float], confidence: float, least_variance: float = 0.0
) -> Interval:
    """Mean of ``after`` minus that of ``before``, two or more values each, of any two variances (Welch 1947).

    Args:
        before: one sample.
        after: another one, independent of it.
        confidence: of the interval, above 0 and below 1.
        least_variance: of a single value of either sample, where theory says that it has so much at least: a few equal
            counts are no proof that counts do not vary.
    """
    parts = [max(_variance(sample), least_variance) / len(sample) for sample in (before, after)]
    squared = sum(part**2 / (len(sample) - 1) for part, sample in zip(parts, (before, after), strict=True))
    freedom = sum(parts) ** 2 / squared if squared else 1.0
    return _interval(_mean(after) - _mean(before), sum(parts), freedom, confidence)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _variance(values: Sequence[float]) -> float:
    """Unbiased; exactly 0 of equal values."""
    if len(set(values)) == 1:
        return 0.0
    mean = _mean(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _interval(mean: float, squared_error: float, freedom: float, confidence: float) -> Interval:
    if squared_error == 0:
        return Interval(mean, mean, mean)
    from scipy.stats import t  # takes a second to import

    reach = float(t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(squared_error)
    return Interval(mean, mean - reach, mean + reach)
