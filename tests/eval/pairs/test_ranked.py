"""What scorers whose behaviour is known get on benchmarks: an oracle, a coin, and three that read too little."""

import logging
import math
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from pytest import approx

from eval.pairs.ranked.figures import RankedFigures
from eval.pairs.ranked.rewardbench2 import SUBSETS, TIES, ties_scores
from eval.pairs.ranked.rows import Ranked, clusters_of
from eval.pairs.ranked.verdicts import RankedScores, agreements, best_shares, right_pairs
from eval.provenance import Provenance
from eval.results import Row, TaskRows

ROWS = TaskRows("reward", "pairs_x", Provenance("own", "pairs"))
Scorer = Callable[[Ranked, int, bool], float]  # of the response at a place, under the contrary or not
RNG = np.random.default_rng(3)


def oracle(row: Ranked, place: int, contrary: bool) -> float:
    return row.ranks[place] * (1.0 if contrary else -1.0)


def coin(row: Ranked, place: int, contrary: bool) -> float:
    return float(RNG.random())


def first_place(row: Ranked, place: int, contrary: bool) -> float:
    return -float(place)


def deaf(row: Ranked, place: int, contrary: bool) -> float:
    """Has its opinion, whatever the guideline asks for."""
    return float(len(row.responses[place]))


def figures(items: list[Ranked], scorer: Scorer) -> dict[str, Row]:
    def scores(contrary: bool) -> list[np.ndarray]:
        return [
            np.array([scorer(row, place, contrary) for place in range(len(row.responses))])
            if not contrary or row.contrary
            else np.zeros(0)
            for row in items
        ]

    kind = RankedScores("s", scores(False), scores(True), np.zeros(len(items), dtype=bool))
    return {row.metric: row for row in RankedFigures(ROWS, items, kind).all()}


def within(row: Row, value: float) -> bool:
    return row.low is not None and row.high is not None and row.low <= value <= row.high


LLMBAR = [
    Ranked(f"p{n}", ("one", "the other"), (0, 1) if n % 5 < 2 else (1, 0), f"LLMBar_{kind}", "Obey.")
    for n, kind in product(range(60), ("Natural", "Adversarial_Manual"))
]
RPR = [Ranked(f"p{n}", ("brief", "at length"), (0, 1), "", "Be short.", "Be long.") for n in range(200)]
BEST_OF_4 = [Ranked(f"p{n}", ("a", "bb", "c", "d"), (0, 1, 1, 1), "Math") for n in range(200)]
PARAPHRASED = [
    Ranked(f"p{n}", ("a", "bb"), (0, 1), "", wording, group=f"g{n}")
    for n in range(100)
    for wording in ("Be brief.", "Be short.", "Say little.")
]


def test_an_oracle_is_always_right(caplog):
    found = {name: figures(items, oracle) for name, items in (("llmbar", LLMBAR), ("rpr", RPR), ("best", BEST_OF_4))}
    assert found["llmbar"]["accuracy_s"].value == found["llmbar"]["section_s:llmbar"].value == 1
    assert found["llmbar"]["accuracy_s:LLMBar_Natural"].n == 60
    for metric in ("accuracy_s", "accuracy_contrary_s", "both_right_s", "flip_rate_s"):
        assert found["rpr"][metric].value == 1
    assert found["best"]["best_of_n_s"].value == found["best"]["accuracy_s"].value == 1
    assert figures(PARAPHRASED, oracle)["consistency_s"].value == 1
    assert caplog.text == "", "no bias is named"


def test_a_coin_is_at_chance():
    assert within(figures(LLMBAR, coin)["accuracy_s"], 0.5)
    turned = figures(RPR, coin)
    assert within(turned["accuracy_contrary_s"], 0.5) and within(turned["both_right_s"], 0.25)
    best = figures(BEST_OF_4, coin)["best_of_n_s"]
    assert within(best, 0.25) and not within(best, 0.5) and "chance is 0.250" in best.note
    agreeing = figures(PARAPHRASED, coin)["consistency_s"]
    assert within(agreeing, 0.25) and agreeing.n == 100, "all three of a pair prefer the same by chance"


@pytest.mark.parametrize(("items", "expected"), [(LLMBAR, 0.4), (RPR, 0.5)])
def test_who_prefers_the_first_place_is_named(items, expected, caplog):
    with caplog.at_level(logging.WARNING, "salmon"):
        row = figures(items, first_place)["first_rate_s"]
    assert row.value == 1 and not within(row, expected)
    assert f"should win in {expected:.3f}, which is outside: a POSITION BIAS to the first one" in row.note
    assert "pairs_x: first_rate_s" in caplog.text and "POSITION BIAS" in caplog.text
    last = figures(items, lambda row, place, contrary: float(place))["first_rate_s"]
    assert last.value == 0 and "to the second one" in last.note


def test_no_bias_is_named_where_the_best_response_is_always_first():
    assert "first_rate_s" not in figures(BEST_OF_4, first_place)
    same_side = [Ranked(f"p{n}", ("a", "b"), (0, 1), "", "Obey.") for n in range(5)]
    assert "first_rate_s" not in figures(same_side, first_place)


def test_who_ignores_the_guideline_never_turns():
    found = figures(RPR, deaf)
    assert (found["flip_rate_s"].value, found["both_right_s"].value) == (0, 0)
    assert found["accuracy_s"].value + found["accuracy_contrary_s"].value == 1


def test_turning_the_wrong_way_is_no_obedience():
    found = figures(RPR, lambda row, place, contrary: -oracle(row, place, contrary))
    assert (found["flip_rate_s"].value, found["both_right_s"].value) == (1, 0)


def test_ties_and_undefined_scores():
    rows = [Ranked("p", ("a", "b", "c"), (0, 1, 2)), Ranked("q", ("a", "b", "c", "d"), (0, 1, 1, 1))]
    right = right_pairs(rows, [np.array([2.0, 2.0, 1.0]), np.array([1.0, 0.0, 0.0, math.nan])])
    assert right[0] == approx(2.5 / 3) and math.isnan(right[1])
    assert best_shares(rows, [np.array([2.0, 2.0, 1.0]), np.zeros(4)]).tolist() == [0.5, 0.25]
    groups = [Ranked("p", ("a", "b"), (0, 1), group="g"), Ranked("r", ("a", "b"), (0, 1), group="g")]
    assert agreements(groups, [np.zeros(2), np.zeros(2)]) == {0: 0.0}, "who prefers nothing agrees with nothing"
    assert agreements(groups[:1], [np.zeros(2)]) == {}
    found = figures(rows, lambda row, place, contrary: math.inf)
    assert found["accuracy_s"].value is None and found["n_undefined_s"].value == 2


def test_rows_that_share_something_are_one_cluster():
    rows = [
        Ranked("p", ("a", "b"), (0, 1)),
        Ranked("p", ("c", "d"), (0, 1), group="g"),
        Ranked("q", ("c", "d"), (0, 1), group="g", id="x"),
        Ranked("r", ("c", "d"), (0, 1), id="x"),
        Ranked("s", ("a", "b"), (0, 1)),
    ]
    assert clusters_of(rows) == [0, 0, 0, 0, 1]
    assert figures(rows[:4], oracle)["accuracy_s"].stderr is None and figures(rows, oracle)["accuracy_s"].n == 5


@pytest.mark.parametrize(
    ("ref", "tied", "score"),
    [
        ([3, 0, 0], [2, 2, 0, 0], 1.0),  # every right answer far above every wrong one
        ([3, 0, 0], [9, 1, 0, 0], 0.6),  # right, but the right answers are further apart than right from wrong
        ([1, 0, 0], [9, 7, 0, 0], 0.8),  # the gap of the single answer is smaller than the spread of the several
        ([0, 1, 0], [2, 2, 0, 0], 0.5),
        ([3, 0, 0], [2, -1, 0, 0], 0.3),
        ([0, 0, 0], [0, 0, 0, 0], 0.0),
    ],
)
def test_ties_of_rewardbench_2(ref, tied, score):
    scores = [np.array(ref, float), np.array(tied, float)]
    assert ties_scores(["ref:4", "tied:4"], scores, [[0], [0, 1]]) == {4: approx(score)}
    assert ties_scores(["ref:4", "tied:5"], scores, [[0], [0, 1]]) == {}


def test_the_score_of_rewardbench_2_is_the_mean_of_six_subsets():
    items = [Ranked(f"{s}{n}", ("a", "b", "c", "d"), (0, 1, 1, 1), s) for s in SUBSETS - {TIES} for n in range(4)]
    for n in range(3):
        items.append(Ranked(f"t{n}", ("a", "b", "c"), (0, 1, 1), TIES, id=f"ref:{n}"))
        items.append(Ranked(f"u{n}", ("a", "b", "c", "d"), (0, 0, 1, 1), TIES, id=f"tied:{n}"))
    found = figures(items, oracle)
    assert found["rewardbench2_score_s"].value == approx(1) and found["ties_score_s"].value == approx(1)
    assert found["best_of_n_s"].n == 20 and "best_of_n_s:Ties" not in found
    half = figures(items, lambda row, place, contrary: oracle(row, place, contrary) * (row.category != TIES))
    assert half["rewardbench2_score_s"].value == approx(5 / 6)
    assert half["rewardbench2_score_s"].high < 1
    assert "rewardbench2_score_s" not in figures(items[4:], oracle), "a subset is missing"
    alone = figures(items[:-1], oracle)
    assert alone["n_unpaired_s"].value == 1 and alone["ties_score_s"].n == 2
