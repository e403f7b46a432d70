"""Means over seeds with their 95 % intervals (Student t)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A mean over ``n`` seeds, and how far its 95 % interval reaches to each side (None: fewer than two seeds)."""

    mean: float | None
    half_width: float | None
    n: int

    @property
    def low(self) -> float | None:
        return None if self.mean is None or self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float | None:
        return None if self.mean is None or self.half_width is None else self.mean + self.half_width


def t_quantile(freedom: int) -> float:
    """Quantile 0.975 of Student's t.

    Raises:
        ValueError: there is no t distribution with so few degrees of freedom.
    """
    if freedom < 1:
        raise ValueError(f"Student's t has no {freedom} degrees of freedom")
    from scipy.stats import t  # takes a second to import

    return float(t.ppf(0.975, freedom))


def mean_interval(values: Sequence[float | None]) -> Estimate:
    """Mean and interval of the values that exist; ``n`` counts those."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    n = len(known)
    if n == 0:
        return Estimate(None, None, 0)
    mean = math.fsum(known) / n
    if n == 1:
        return Estimate(mean, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in known) / (n - 1)
    return Estimate(mean, t_quantile(n - 1) * math.sqrt(variance / n), n)


def paired_difference(values: Mapping[int, float | None], others: Mapping[int, float | None]) -> Estimate:
    """``values - others`` over the seeds that both have."""
    pairs = [(values[seed], others[seed]) for seed in sorted(values.keys() & others.keys())]
    return mean_interval([None if x is None or y is None else x - y for x, y in pairs])


def share_a_seed(values: Mapping[int, float | None], others: Mapping[int, float | None]) -> bool:
    """Whether a seed has a value in both."""
    return any(values[seed] is not None and others[seed] is not None for seed in values.keys() & others.keys())


def difference_by_seed(values: Mapping[int, float | None], others: Mapping[int, float | None]) -> Estimate:
    """``values - others`` of the same seeds; where the two share none, of their means, with Welch's interval."""
    if share_a_seed(values, others):
        return paired_difference(values, others)
    mine, theirs = ([value for value in by_seed.values() if value is not None] for by_seed in (values, others))
    return unpaired_difference(mine, theirs)


def unpaired_difference(values: Sequence[float], others: Sequence[float]) -> Estimate:
    """Mean of ``values`` minus mean of ``others`` with Welch's interval; ``n`` is the smaller number of the two."""
    mine, theirs = mean_interval(values), mean_interval(others)
    n = min(mine.n, theirs.n)
    if mine.mean is None or theirs.mean is None:
        return Estimate(None, None, 0)
    if n == 1:
        return Estimate(mine.mean - theirs.mean, None, 1)
    if mine.half_width == theirs.half_width == 0:  # without spread there are no degrees of freedom
        return Estimate(mine.mean - theirs.mean, 0.0, n)
    from scipy.stats import ttest_ind

    found = ttest_ind(values, others, equal_var=False).confidence_interval(0.95)
    return Estimate(mine.mean - theirs.mean, float(found.high - found.low) / 2, n)


def direction(change: Estimate) -> str:
    """What an estimate says about "it rose": ``yes`` and ``no`` where the interval leaves 0 out, else ``unclear``.

    >>> direction(Estimate(0.2, 0.1, 3)), direction(Estimate(0.2, 0.3, 3)), direction(Estimate(0.2, None, 1))
    ('yes', 'unclear', 'unclear')
    """
    if change.low is None or change.high is None:
        return "unclear"
    return "yes" if change.low > 0 else "no" if change.high < 0 else "unclear"


def apart(lower: Estimate, higher: Estimate) -> bool | None:
    """Whether ``higher`` is above ``lower`` and the two intervals do not touch; None without intervals."""
    if lower.high is None or higher.low is None:
        return None
    return higher.low > lower.high
