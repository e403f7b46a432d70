"""What the stage says of its judge: ties, position bias and scores by hand."""

import pytest

from salmon.data.rows import Judgement, PreferenceRow, ShownGuideline
from salmon.preferences.judgements import JudgedPairs
from salmon.preferences.pairs import Pair
from salmon.preferences.report import preference_metrics
from salmon.principles.bank import Bank, Principle

BANK = Bank("test", (Principle("Kind", "Kind."), Principle("Safe", "Safe.")))
PAIRS = [Pair(f"p{n}", "Why?", "Because.", "No idea.") for n in range(2)]
# Kind: 2 and 1 agree (score 1.5, bias 0.5), 3 and -1 do not (a tie, bias 2). Safe: no opinion, then -1 and -1.
ODDS = [[(2.0, 1.0), (0.0, 0.0)], [(3.0, -1.0), (-1.0, -1.0)]]
JUDGED = JudgedPairs(
    PAIRS, [[Judgement("p", n, *both) for n, both in zip(BANK.names, row, strict=True)] for row in ODDS], BANK
)


def row(number: int, decided_by: str, flipped: bool, split: str) -> PreferenceRow:
    shown = (ShownGuideline("Kind", False, "Kind."),)
    return PreferenceRow(str(number), "p", "Why?", "a", "b", shown, (1.0,), 1, decided_by, flipped, split)


ROWS = [
    row(0, "principle:Kind", True, "train"),
    row(1, "veto:language", False, "train"),
    row(2, "sum", False, "train"),
    row(3, "principle:Kind", False, "held_out"),
]


def test_metrics_by_hand() -> None:
    assert preference_metrics(JUDGED, ROWS) == {
        "judge/tie_rate": 2 / 4,
        "judge/position_bias": pytest.approx((0.5 + 0 + 2 + 0) / 4),
        "judge/abs_score": (1.5 + 1) / 4,
        "pairs/rows_train": 3,
        "pairs/rows_held_out": 1,
        "pairs/flipped_rate": 1 / 4,
        "pairs/veto_rate": 1 / 4,
        "judge/Kind/tie_rate": 1 / 2,
        "judge/Kind/position_bias": 1.25,
        "judge/Kind/mean_score": 1.5 / 2,
        "judge/Safe/tie_rate": 1 / 2,
        "judge/Safe/position_bias": 0.0,
        "judge/Safe/mean_score": -1 / 2,
    }


def test_both_orders_stand_in_the_order_of_pairs_and_principles() -> None:
    assert JUDGED.original_order.tolist() == [[2.0, 0.0], [3.0, -1.0]]
    assert JUDGED.swapped_order.tolist() == [[1.0, 0.0], [-1.0, -1.0]]
    assert JUDGED.ties.tolist() == [[0.0, 1.0], [1.0, 0.0]]
