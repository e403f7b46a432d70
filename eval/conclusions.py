"""What a benchmark's items allow to conclude, in one plain sentence: which checkpoints differ, and what could be seen.

Differences are those of the same items (paired), with the interval of the paired t-test. The smallest difference that
can be shown is the one that a test at 95 % finds with a probability of 80 %, its *power*, by the normal approximation
(Cohen 1988, Statistical Power Analysis; for evaluations of language models Miller 2024, arXiv 2411.00640).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, stdev

from eval.intervals import Z
from eval.results import COUNTS, Row
from salmon.core.paired import PairedChange, paired_change

POWER = 0.8
REACH = Z + NormalDist().inv_cdf(POWER)  # standard errors of a difference: 1.960 + 0.842


@dataclass(frozen=True)
class ItemDifference:
    """One checkpoint minus another over the same items; ``smallest``: the least difference that these can show."""

    change: PairedChange
    smallest: float

    @property
    def told_apart(self) -> bool:
        """Whether 0 is outside the interval."""
        low, high = self.change.low, self.change.high
        return low is not None and high is not None and (low > 0 or high < 0)


def smallest_difference(stderr: float) -> float:
    """The least true difference that is found with the power above.

    Args:
        stderr: standard error of the measured difference.
    """
    return REACH * stderr


def item_difference(before: Mapping[str, float], after: Mapping[str, float]) -> ItemDifference | None:
    """``after - before``, item by item; None where the two have other items, or fewer than two.

    Args:
        before: score of each item, by its name.
        after: the same of another checkpoint.
    """
    if before.keys() != after.keys() or len(before) < 2:
        return None
    names = list(before)
    change = paired_change([before[name] for name in names], [after[name] for name in names])
    spread = stdev(after[name] - before[name] for name in names)
    return ItemDifference(change, smallest_difference(spread / math.sqrt(len(names))))


def conclusions(rows: Sequence[Row]) -> list[str]:
    """One sentence for each benchmark with a figure: its first one, of all checkpoints against the first."""
    by_task: dict[str, list[Row]] = {}
    for row in rows:
        if row.value is not None and not row.metric.startswith(COUNTS):
            by_task.setdefault(row.task, []).append(row)
    said = []
    for task, found in by_task.items():
        metric = found[0].metric
        figures = {row.checkpoint: row for row in found if row.metric == metric}
        sentence = _alone(found[0]) if len(figures) == 1 else _compared(list(figures.values()))
        if sentence:
            said.append(f"{task}/{metric}: {sentence}")
    return said


def _alone(row: Row) -> str | None:
    """How far two checkpoints would have to differ, at worst: if their scores had nothing in common."""
    error = _standard_error(row)
    if error is None:
        return None
    return (
        f"{row.n} items can show a difference of {smallest_difference(math.sqrt(2) * error):.3f} between two "
        "checkpoints (paired, 95 %, power 80 %), and a smaller one if their scores agree item by item."
    )


def _standard_error(row: Row) -> float | None:
    if row.stderr:
        return row.stderr
    if row.interval is None:
        return None
    low, high = row.interval  # all items alike: the interval of a proportion still has a width
    return (high - low) / (2 * Z) or None


def _compared(rows: Sequence[Row]) -> str:
    first, *others = rows
    found = {row.checkpoint: _difference(first, row) for row in others}
    parts = [_words(f"{name} - {first.checkpoint}", difference) for name, difference in found.items()]
    smallest = max((difference.smallest for difference in found.values() if difference), default=0.0)
    text = "; ".join(parts) + "."
    if smallest:
        text += f" {first.n} items can show a difference of {smallest:.3f} (paired, 95 %, power 80 %)."
    return text + (" No interval is widened for the number of comparisons." if len(parts) > 1 else "")


def _difference(first: Row, other: Row) -> ItemDifference | None:
    """None where the two were not measured alike, on the same items."""
    if not first.items or not other.items or first.provenance != other.provenance:
        return None
    return item_difference(first.items, other.items)


def _words(title: str, difference: ItemDifference | None) -> str:
    if difference is None:
        return f"{title} is not compared, for want of the same items measured alike"
    change = difference.change
    if change.low == change.high == 0:
        return f"{title} is 0 on every item"
    verdict = "a difference" if difference.told_apart else "not told apart"
    return f"{title} is {change.mean:+.3f} [{change.low:+.3f}, {change.high:+.3f}], {verdict}"
