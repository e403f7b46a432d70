"""Intervals of means, beside hand computations and scipy's own."""

import math

import pytest
from scipy.stats import t, ttest_ind

from salmon.core.unpaired import Interval, SampleMean, interval_of_mean, sample_mean, welch_change


def test_a_mean_and_its_interval() -> None:
    """Mean 2, variance 1, error 1/sqrt(3); t(0.975, 2) = 4.302653: 2 +- 2.484138."""
    found = interval_of_mean([1.0, 2.0, 3.0], 0.95)
    assert (found.mean, found.low, found.high) == pytest.approx((2.0, -0.484138, 4.484138), abs=1e-6)


def test_a_change_of_means_is_welchs() -> None:
    """Variances 1 and 4: error sqrt(1/3 + 4/3) = 1.290994; freedom (5/3)^2 / ((1/9 + 16/9) / 2) = 2.941176."""
    before, after = [1.0, 2.0, 3.0], [4.0, 6.0, 8.0]
    found = welch_change(sample_mean(before), sample_mean(after), 0.9)
    expected = ttest_ind(after, before, equal_var=False).confidence_interval(0.9)
    assert (found.mean, found.low, found.high) == pytest.approx((4.0, expected.low, expected.high))
    pooled = ttest_ind(after, before).confidence_interval(0.9)  # mutant: one variance for both
    assert abs(found.low - pooled.low) > 0.1


def test_values_without_spread() -> None:
    assert interval_of_mean([2.0, 2.0], 0.95) == Interval(2.0, 2.0, 2.0)
    assert welch_change(sample_mean([1.0, 1.0]), sample_mean([3.0, 3.0]), 0.95) == Interval(2.0, 2.0, 2.0)


def test_a_least_variance_keeps_equal_counts_from_being_certain() -> None:
    """0.04 of each value: error sqrt(2 x 0.04 / 4), freedom 6, t(0.975, 6) = 2.446912."""
    found = welch_change(*(sample_mean([value] * 4, least_variance=0.04) for value in (0.0, 0.1)), 0.95)
    reach = 2.446912 * math.sqrt(0.02)
    assert (found.mean, found.low, found.high) == pytest.approx((0.1, 0.1 - reach, 0.1 + reach), abs=1e-6)
    assert welch_change(sample_mean([0.0] * 4), sample_mean([0.1] * 4), 0.95).low > 0


def test_a_mean_whose_error_is_known_is_compared_like_one_that_was_sampled() -> None:
    """3 of 10 responses: variance 0.21, error of the mean sqrt(0.021), freedom 9."""
    share, after = SampleMean(0.3, 0.021, 9), [0.5, 0.7, 0.6]
    found = welch_change(share, sample_mean(after), 0.95)
    squared = 0.021 + 0.01 / 3
    freedom = squared**2 / (0.021**2 / 9 + (0.01 / 3) ** 2 / 2)
    assert found.low == pytest.approx(0.3 - t.ppf(0.975, freedom) * math.sqrt(squared))
