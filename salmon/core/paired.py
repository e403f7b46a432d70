"""What a training has changed, measured on the same items before and after it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class PairedChange:
    """The mean change of an item, with its interval (None: fewer than two items)."""

    mean: float
    low: float | None
    high: float | None


def paired_change(before: Sequence[float], after: Sequence[float], confidence: float = 0.95) -> PairedChange:
    """Mean of ``after - before`` over the items, with the interval of the paired t-test (Student 1908).

    Pairing takes out what makes one item easier than another. Raises ``ValueError`` for no items, or where the two
    are of different items.
    """
    differences = [new - old for old, new in zip(before, after, strict=True)]
    if not differences:
        raise ValueError("no item to compare")
    mean = sum(differences) / len(differences)
    if len(differences) == 1:
        return PairedChange(mean, None, None)
    if len(set(differences)) == 1:  # no spread: an interval of no width, of which scipy would warn
        return PairedChange(mean, mean, mean)
    from scipy.stats import ttest_1samp  # takes a second to import

    interval = ttest_1samp(differences, 0.0).confidence_interval(confidence)
    return PairedChange(mean, float(interval.low), float(interval.high))
