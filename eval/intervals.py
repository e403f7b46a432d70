"""95 % intervals of benchmark figures."""

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
