"""Means over seeds with their 95 % intervals (Student t)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Quantile 0.975 of Student's t for 1 to 30 degrees of freedom.
_T = (
    12.7062,
    4.3027,
    3.1824,
    2.7764,
    2.5706,
    2.4469,
    2.3646,
    2.3060,
    2.2622,
    2.2281,
    2.2010,
    2.1788,
    2.1604,
    2.1448,
    2.1314,
    2.1199,
    2.1098,
    2.1009,
    2.0930,
    2.0860,
    2.0796,
    2.0739,
    2.0687,
    2.0639,
    2.0595,
    2.0555,
    2.0518,
    2.0484,
    2.0452,
    2.0423,
)
_NORMAL = 1.959964


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
    """Quantile 0.975 of Student's t; above 30 degrees of freedom to 4 digits (Abramowitz & Stegun 26.7.5)."""
    if freedom < 1:
        raise ValueError(f"Student's t has no {freedom} degrees of freedom")
    if freedom <= len(_T):
        return _T[freedom - 1]
    x = _NORMAL
    return x + (x**3 + x) / (4 * freedom) + (5 * x**5 + 16 * x**3 + 3 * x) / (96 * freedom**2)


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


def paired_difference(values: dict[int, float | None], others: dict[int, float | None]) -> Estimate:
    """``values - others`` over the seeds that both have."""
    pairs = [(values[seed], others[seed]) for seed in sorted(values.keys() & others.keys())]
    return mean_interval([None if x is None or y is None else x - y for x, y in pairs])


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
