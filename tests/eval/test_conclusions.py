"""What is said of differences between checkpoints, against numbers worked by hand."""

from dataclasses import replace

import pytest

from eval.conclusions import REACH, conclusions, item_difference, smallest_difference
from eval.provenance import Provenance
from eval.results import Row, TaskRows

HOW = Provenance("harness", "task")


def row(checkpoint: str, *scores: float, how: Provenance = HOW, first: int = 0) -> Row:
    names = [str(first + place) for place in range(len(scores))]
    return TaskRows(checkpoint, "quiz", how).mean("acc", list(scores), items=names)


def test_the_smallest_difference_is_the_sum_of_two_quantiles_of_the_error():
    """1.95996 for 95 % on two sides and 0.84162 for a power of 80 %."""
    assert pytest.approx(2.80158, abs=1e-5) == REACH
    assert smallest_difference(0.05) == pytest.approx(0.140079, abs=1e-6)
    assert smallest_difference(0.05) != pytest.approx(1.959964 * 0.05), "found in half of the cases only"


def test_a_paired_difference_by_hand():
    """Differences 1, 0, 0, 0: mean 1/4, deviation 1/2, error 1/4; quantile 0.975 of t with 3 degrees is 3.1824."""
    found = item_difference({"a": 0, "b": 1, "c": 0, "d": 1}, {"d": 1, "c": 0, "b": 1, "a": 1})
    assert found is not None and not found.told_apart
    assert (found.change.mean, found.change.low, found.change.high) == pytest.approx(
        (0.25, -0.54561, 1.04561), abs=1e-4
    )
    assert found.smallest == pytest.approx(2.80158 / 4, abs=1e-5)
    unpaired = (1 / 3 / 4 + 1 / 4 / 4) ** 0.5
    assert found.smallest != pytest.approx(2.80158 * unpaired, abs=1e-2)


def test_other_items_are_no_pairs():
    assert item_difference({"a": 0.0, "b": 1.0}, {"a": 0.0, "c": 1.0}) is None
    assert item_difference({"a": 0.0}, {"a": 1.0}) is None, "one item has no interval"


def test_of_one_checkpoint_what_two_would_have_to_differ_by():
    """Four items, half right: error sqrt(1/3/4) = 0.288675, times sqrt(2) and 2.80158."""
    (said,) = conclusions([row("base", 0, 1, 0, 1), Row("base", "quiz", "n_cut", 1.0, None, 4, "")])
    assert said.startswith("quiz/acc: 4 items can show a difference of 1.144 between two checkpoints")
    (alike,) = conclusions([row("base", 1, 1, 1, 1)])
    assert "difference of 0.000" not in alike, "all right is no certainty"


def test_of_two_whether_they_differ():
    before, after = [0.0] * 20, [1.0] * 8 + [0.0] * 12
    (said,) = conclusions([row("sft", *before), row("ppo", *after)])
    assert said.startswith("quiz/acc: ppo - sft is +0.400 [+0.165, +0.635], a difference. 20 items can show a")
    (close,) = conclusions([row("sft", *before), row("ppo", 1.0, *before[1:])])
    assert "ppo - sft is +0.050 [-0.055, +0.155], not told apart." in close
    (same,) = conclusions([row("sft", *after), row("ppo", *after)])
    assert same == "quiz/acc: ppo - sft is 0 on every item."


def test_each_is_set_against_the_first_and_several_looks_are_said():
    (said,) = conclusions([row("base", 0, 1), row("sft", 0, 1), row("ppo", 1, 1)])
    assert "sft - base is 0" in said and "ppo - base is +0.500" in said and "ppo - sft" not in said
    assert said.endswith("No interval is widened for the number of comparisons.")


@pytest.mark.parametrize(
    "other",
    [
        row("ppo", 0, 1, 1, 1, first=1),
        row("ppo", 0, 1, 1, 1, how=replace(HOW, judge="another")),
        replace(row("ppo", 0, 1, 1, 1), items=None),
    ],
    ids=["other items", "measured in another way", "items not kept"],
)
def test_what_cannot_be_paired_is_not_compared(other: Row):
    (said,) = conclusions([row("sft", 0, 1, 0, 1), other])
    assert said == "quiz/acc: ppo - sft is not compared, for want of the same items measured alike."


def test_nothing_is_said_of_what_was_not_measured():
    assert conclusions([Row("sft", "quiz", "acc", None, None, 0, "no data")]) == []
