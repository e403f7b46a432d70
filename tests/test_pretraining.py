"""Pairs for preference pre-training made of the judged ones: each by one asserted principle."""

from collections import Counter

from salmon.data.rows import Judgement
from salmon.judging import Pair
from salmon.preferences import JudgedPairs
from salmon.pretraining import asserted_pairs
from salmon.principles.bank import Bank, Principle

BANK = Bank("test", (Principle("Short", "Short.", opposite="Long"), Principle("Long", "Long.", opposite="Short"),
                     Principle("Safe", "Safe.")))  # fmt: skip


def judged(*scores: tuple[float, float, float]) -> JudgedPairs:
    """Pairs with the scores of Short, Long and Safe, equal in both orders."""
    pairs = [Pair(f"p{n}", "Why?", "one", "two") for n in range(len(scores))]
    return JudgedPairs(pairs, [[Judgement(f"p{n}", name, s, s) for name, s in zip(BANK.names, row, strict=True)]
                               for n, row in enumerate(scores)], BANK)  # fmt: skip


def test_the_judged_better_response_is_chosen() -> None:
    rows = asserted_pairs(judged((1, -1, 0), (-1, 1, 0)), False, seed=0)
    assert [(row.id, row.chosen, row.rejected) for row in rows] == [("p0-0", "one", "two"), ("p1-0", "two", "one")]


def test_the_second_of_two_opposites_decides_nothing() -> None:
    assert asserted_pairs(judged((0, 1, 0)), False, seed=0) == []


def test_a_tie_by_all_principles_is_left_out() -> None:
    assert asserted_pairs(judged((0, 0, 0)), False, seed=0) == []


def test_a_rare_principle_is_drawn_more_often() -> None:
    """Short decides all 400 pairs, Safe 100 of them, the other way: drawn with odds of 4 to 1 where both do."""
    scores = [(1.0, -1.0, -1.0)] * 100 + [(1.0, -1.0, 0.0)] * 300
    chosen = Counter(row.chosen for row in asserted_pairs(judged(*scores), False, seed=0)[:100])
    assert 70 <= chosen["two"] <= 90  # 80 expected; 50 if all principles were drawn alike
