"""Intervals of means, beside hand computations and scipy's own."""

import math

import pytest
from scipy.stats import ttest_ind

from salmon.core.unpaired import Interval, interval_of_mean, welch_change


def test_a_mean_and_its_interval() -> None:
    """Mean 2, variance 1, error 1/sqrt(3); t(0.975, 2) = 4.302653: 2 +- 2.484138."""
    found = interval_of_mean([1.0, 2.0, 3.0], 0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, -0.484138, 4.484138), abs=1e-6)


def test_a_change_of_means_is_welchs() -> None:
    """Variances 1 and 4: error sqrt(1/3 + 4/3) = 1.290994; freedom (5/3)^2 / ((1/9 + 16/9) / 2) = 2.941176."""
    before, after = [1.0, 2.0, 3.0], [4.0, 6.0, 8.0]
    found = welch_change(before, after, 0.9)
    expected = ttest_ind(after, before, equal_var=False).confidence_interval(0.9)
    assert (found.mean, found.low, found.high) == pytest.approx((4.0, expected.low, expected.high))
    pooled = ttest_ind(after, before).confidence_interval(0.9)  # mutant: one variance for both
    assert abs(found.low - pooled.low) > 0.1


def test_values_without_spread() -> None:
    assert interval_of_mean([2.0, 2.0], 0.95) == Interval(2.0, 2.0, 2.0)
    assert welch_change([1.0, 1.0], [3.0, 3.0], 0.95) == Interval(2.0, 2.0, 2.0)


def test_a_least_variance_keeps_equal_counts_from_being_certain() -> None:
    """0.04 of each value: error sqrt(2 x 0.04 / 4), freedom 6, t(0.975, 6) = 2.446912."""
    found = welch_change([0.0] * 4, [0.1] * 4, 0.95, least_variance=0.04)
    reach = 2.446912 * math.sqrt(0.02)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1 - reach, 0.1 + reach), abs=1e-6)
    assert welch_change([0.0] * 4, [0.1] * 4, 0.95).low > 0
