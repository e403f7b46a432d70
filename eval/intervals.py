"""95 % intervals of benchmark figures."""

from collections.abc import Sequence
from statistics import NormalDist

Z = NormalDist().inv_cdf(0.975)


def proportion_interval(right: int, n: int) -> tuple[float, float]:
    """Interval of a proportion, which also holds where all or none of the ``n`` items are right (Wilson 1927)."""
    from scipy.stats import binomtest  # takes a second to import

    interval = binomtest(right, n).proportion_ci(confidence_level=0.95, method="wilson")
    return float(interval.low), float(interval.high)


def normal_interval(mean: float, stderr: float) -> tuple[float, float]:
    """Interval of a mean of many items, from its standard error (normal approximation)."""
    return mean - Z * stderr, mean + Z * stderr


def mean_share_interval(values: Sequence[float], mean: float, stderr: float | None) -> tuple[float, float] | None:
    """Interval of the mean of shares from 0 to 1; of a proportion where every item is right or wrong.

    None where one item alone has no error.
    """
    if set(values) <= {0.0, 1.0}:
        return proportion_interval(int(sum(values)), len(values))
    if stderr is None:
        return None
    low, high = normal_interval(mean, stderr)
    return max(0.0, low), min(1.0, high)
