import pytest
from pytest import approx

from salmon.core.paired import PairedChange, paired_change


def test_literal():
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3); Student's t with 2 degrees of freedom: 4.30265."""
    change = paired_change([10.0, -5.0, 0.0], [11.0, -3.0, 3.0])
    assert (change.mean, change.low, change.high) == approx((2.0, 2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)
    assert (change.high - change.low) / 2 != approx(1.95996 / 3**0.5, abs=0.1)  # mutant: the normal distribution


def test_pairing_takes_out_what_the_items_differ_in():
    """Unpaired, the spread of the items (0 to 1000) would hide the change."""
    before = [0.0, 250.0, 500.0, 1000.0]
    change = paired_change(before, [x + d for x, d in zip(before, (1.0, 1.1, 0.9, 1.0), strict=True)])
    assert 0.8 < change.low < change.mean < change.high < 1.2


def test_without_spread_or_with_one_item():
    assert paired_change([1.0, 2.0], [1.0, 2.0]) == PairedChange(0.0, 0.0, 0.0)
    assert paired_change([1.0], [3.0]) == PairedChange(2.0, None, None)


def test_refusals():
    with pytest.raises(ValueError, match="no item"):
        paired_change([], [])
    with pytest.raises(ValueError):
        paired_change([1.0, 2.0], [1.0])
