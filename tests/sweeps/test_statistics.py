"""Intervals against numbers worked by hand (and Student's t from tables)."""

import math

import pytest

from sweeps.ranking import nothing_told_apart, ranking
from sweeps.statistics import (
    Estimate,
    apart,
    difference_by_seed,
    direction,
    mean_interval,
    paired_difference,
    t_quantile,
    unpaired_difference,
)


def test_three_seeds():
    """Mean 2, sample variance 1, so 4.3027 * sqrt(1/3) = 2.4842."""
    estimate = mean_interval([1.0, 2.0, 3.0])
    assert (estimate.mean, estimate.n) == (2.0, 3)
    assert estimate.half_width == pytest.approx(2.4842, abs=1e-4)
    assert (estimate.low, estimate.high) == pytest.approx((-0.4842, 4.4842), abs=1e-4)


def test_one_seed_has_no_interval_and_none_no_mean():
    assert mean_interval([0.5]) == Estimate(0.5, None, 1)
    assert mean_interval([0.5]).low is None
    assert mean_interval([]) == Estimate(None, None, 0)


def test_a_diverged_or_missing_seed_is_not_counted():
    assert mean_interval([1.0, None, math.nan, 1.0, math.inf]) == Estimate(1.0, 0.0, 2)


@pytest.mark.parametrize(
    ("freedom", "expected"),
    [(1, 12.706), (2, 4.303), (10, 2.228), (30, 2.042), (31, 2.0395), (60, 2.0003), (1000, 1.9623)],
)
def test_quantile(freedom, expected):
    assert t_quantile(freedom) == pytest.approx(expected, abs=5e-4)


def test_no_degree_of_freedom():
    with pytest.raises(ValueError, match="0 degrees"):
        t_quantile(0)


def test_a_paired_difference_cancels_what_the_seeds_share():
    """Seeds differ by 10, the effect is 1 in each: unpaired, the interval would be about 64 wide."""
    assert paired_difference({0: 1.0, 1: 11.0, 2: 5.0}, {0: 0.0, 1: 10.0, 3: 8.0}) == Estimate(1.0, 0.0, 2)
    assert paired_difference({0: 1.0}, {1: 0.0}) == Estimate(None, None, 0)
    assert paired_difference({0: 1.0, 1: 2.0}, {0: None, 1: 0.5}) == Estimate(1.5, None, 1)


def test_without_a_common_seed_the_means_are_compared():
    """As in the test of Welch's interval below; with a common seed the others do not count."""
    found = difference_by_seed({0: 1.0, 1: 2.0, 2: 3.0}, {3: 7.0, 4: 10.0, 5: 13.0, 2: None})
    assert (found.mean, found.n) == (-8.0, 3)
    assert found.half_width == pytest.approx(6.6446, abs=1e-4)
    assert difference_by_seed({0: 1.0, 1: 2.0}, {1: 0.5, 2: 9.0}) == Estimate(1.5, None, 1)
    assert difference_by_seed({0: 1.0}, {}) == Estimate(None, None, 0)


@pytest.mark.parametrize(
    ("mean", "half", "said"),
    [(0.2, 0.1, "yes"), (0.2, 0.2, "unclear"), (-0.2, 0.1, "no"), (0.2, None, "unclear"), (None, None, "unclear")],
)
def test_direction(mean, half, said):
    assert direction(Estimate(mean, half, 3)) == said


def test_apart_takes_both_intervals_and_the_order():
    short, long = Estimate(10.0, 2.0, 3), Estimate(15.0, 2.5, 3)
    assert apart(short, long) is True
    assert apart(long, short) is False, "the wrong way round"
    assert apart(short, Estimate(15.0, 3.0, 3)) is False, "they touch"
    assert apart(short, Estimate(15.0, None, 1)) is None


def test_an_unpaired_difference_has_welchs_interval():
    """Variances 1 and 9 of three each: standard error sqrt(1/3 + 3); (10/3)^2 / ((1/3)^2 / 2 + 3^2 / 2) = 2.4390."""
    found = unpaired_difference([1.0, 2.0, 3.0], [7.0, 10.0, 13.0])
    assert (found.mean, found.n) == (-8.0, 3)
    assert found.half_width == pytest.approx(6.6446, abs=1e-4)  # t quantile 3.6394 at 2.4390 degrees
    assert unpaired_difference([1.0, 1.0], [3.0, 3.0]) == Estimate(-2.0, 0.0, 2), "no spread, no degrees of freedom"
    assert unpaired_difference([1.0], [3.0, 4.0]) == Estimate(-2.5, None, 1)
    assert unpaired_difference([], [3.0]) == Estimate(None, None, 0)


def test_the_highest_mean_is_not_called_higher_than_intervals_allow():
    estimates = {
        "a": Estimate(0.9, 0.1, 3),
        "b": Estimate(0.75, 0.1, 3),
        "c": Estimate(0.2, 0.1, 3),
        "d": Estimate(0.1, None, 1),
        "e": Estimate(None, None, 0),
    }
    assert ranking("x", estimates) == (
        "x: a has the highest mean; above, by more than both intervals, c; not told apart, since the intervals "
        "overlap, from b; not told apart, since one of the two has n = 1, from d."
    )
    assert ranking("x", {"a": estimates["a"], "e": estimates["e"]}) is None
    assert nothing_told_apart({"a": estimates["a"], "b": estimates["b"], "e": estimates["e"]})
    assert not nothing_told_apart({"a": estimates["a"], "b": estimates["b"], "c": estimates["c"]})
    assert not nothing_told_apart({"a": estimates["a"], "d": estimates["d"]}), "one seed has no interval"
    assert not nothing_told_apart({"a": estimates["a"], "e": estimates["e"]})
    assert ranking("x", {"a": estimates["a"], "b": estimates["a"]}) is None, "nothing is higher"
