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


@dataclass(frozen=True)
class SampleMean:
    """A mean, with the square of its standard error and the degrees of freedom that this is known with."""

    value: float
    squared_error: float
    freedom: float


def sample_mean(values: Sequence[float], least_variance: float = 0.0) -> SampleMean:
    """Of two or more values.

    Args:
        values: the sample.
        least_variance: of a single value, where theory says that it has so much at least: a few equal counts are no
            proof that counts do not vary.
    """
    return SampleMean(_mean(values), max(_variance(values), least_variance) / len(values), len(values) - 1)


def interval_of_mean(values: Sequence[float], confidence: float) -> Interval:
    """The mean of two or more values, with its interval (Student 1908)."""
    mean = sample_mean(values)
    return _interval(mean.value, mean.squared_error, mean.freedom, confidence)


def welch_change(before: SampleMean, after: SampleMean, confidence: float) -> Interval:
    """The mean ``after`` less that ``before``, of independent samples of any two variances (Welch 1947).

    Args:
        before: of one sample.
        after: of another one.
        confidence: of the interval, above 0 and below 1.
    """
    parts = [before.squared_error, after.squared_error]
    squared = sum(part**2 / mean.freedom for part, mean in zip(parts, (before, after), strict=True))
    freedom = sum(parts) ** 2 / squared if squared else 1.0
    return _interval(after.value - before.value, sum(parts), freedom, confidence)


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
