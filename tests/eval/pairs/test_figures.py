"""The maths of pair accuracies: verdicts, clustered errors, RewardBench's sections."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx

from eval.clusters import weighted_mean
from eval.intervals import proportion_interval
from eval.pairs.figures import ScoredPairs, accuracy_rows
from eval.pairs.rewardbench import SECTIONS, score_weights, section_weights
from eval.provenance import Provenance
from eval.results import Row, TaskRows, mean_and_stderr

ROWS = TaskRows("sft", "pairs_x", Provenance("own", "pairs"))


def figures(chosen, rejected, categories=None, prompts=None, cut=None) -> dict[str, Row]:
    n = len(chosen)
    scored = ScoredPairs("s", np.array(chosen, float), np.array(rejected, float), np.array(cut or [False] * n))
    found = accuracy_rows(ROWS, scored, categories or [""] * n, prompts or [str(i) for i in range(n)])
    return {row.metric: row for row in found}


def test_ties_count_half_and_undefined_scores_are_left_out():
    nan, inf = math.nan, math.inf
    found = figures(
        [1, 0, 2, nan, -inf, 3], [0, 1, 2, 0, -inf, nan], ["a", "a", "b", "b", "b/c", "d"], cut=[True] + [False] * 5
    )
    assert (found["accuracy_s"].value, found["accuracy_s"].n) == (0.5, 3)
    assert found["accuracy_s:a"].value == 0.5 and found["accuracy_s:b"].value == 0.5
    assert "accuracy_s:d" not in found, "a category without a figure"
    assert [found[f"n_{what}_s"].value for what in ("tied", "undefined", "too_long")] == [1, 3, 1]
    assert found["n_undefined_s"].n == 6


def test_nothing_defined_is_no_figure():
    found = figures([math.nan], [0])
    assert found["accuracy_s"].value is None and "no pair has two finite scores" in found["accuracy_s"].note


def test_intervals():
    different = figures([1, 1, 1, 0], [0, 0, 0, 1])["accuracy_s"]
    assert (different.low, different.high) == approx(proportion_interval(3, 4))
    # Two prompts with two equal pairs each say no more than two pairs.
    same = figures([1, 1, 0, 0], [0, 0, 1, 1], prompts=["p", "p", "q", "q"])["accuracy_s"]
    assert same.stderr == approx(0.5) and (same.low, same.high) == (0.0, 1.0)
    all_right = figures([1, 1, 1], [0, 0, 0], prompts=["p", "p", "q"])["accuracy_s"]
    assert (all_right.low, all_right.high) == approx(proportion_interval(2, 2)), "no certainty from three pairs"
    one = figures([1, 1], [0, 1], prompts=["p", "p"])["accuracy_s"]
    assert (one.value, one.stderr, one.low) == (0.75, None, None)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=2, max_size=20))
def test_without_clusters_it_is_the_usual_error(values):
    mean, stderr = weighted_mean([(values, [str(i) for i in range(len(values))], 1.0)])
    assert (mean, stderr) == approx(mean_and_stderr(values))
    # Every pair twice under the same prompt: the same knowledge.
    twice = weighted_mean([(values * 2, [str(i) for i in range(len(values))] * 2, 1.0)])
    assert twice == approx((mean, stderr))


def test_rewardbench_sections():
    pairs = {
        "alpacaeval-easy": 3,
        "mt-bench-med": 1,
        "llmbar-natural": 2,
        "donotanswer": 1,
        "math-prm": 4,
        "hep-go": 1,
        "hep-rust": 1,
    }
    weights = section_weights(pairs)
    assert weights["chat"] == {"alpacaeval-easy": 0.75, "mt-bench-med": 0.25}
    assert weights["reasoning"] == {"math-prm": 0.5, "hep-go": 0.25, "hep-rust": 0.25}
    score = score_weights(weights)
    assert sum(score.values()) == approx(1) and score["math-prm"] == 0.125 and score["donotanswer"] == 0.25
    assert section_weights(pairs | {"other": 1}) == {} and section_weights({}) == {}
    assert section_weights({"math-prm": 4}) == {"reasoning": {"math-prm": 1.0}}
    assert score_weights(section_weights({"math-prm": 4})) == {}
    assert len({subset for subsets in SECTIONS.values() for subset in subsets}) == 23


def test_rewardbench_rows():
    right = [
        ("alpacaeval-easy", 1),
        ("llmbar-natural", 0),
        ("donotanswer", 1),
        ("donotanswer", 1),
        ("math-prm", 0),
        ("math-prm", 0),
        ("math-prm", 0),
        ("hep-go", 1),
    ]
    found = figures([r for _, r in right], [1 - r for _, r in right], [subset for subset, _ in right])
    sections = {name: found[f"section_s:{name}"].value for name in SECTIONS}
    assert sections == {"chat": 1.0, "chat_hard": 0.0, "safety": 1.0, "reasoning": 0.5}
    assert found["rewardbench_score_s"].value == approx(0.625) and found["rewardbench_score_s"].n == 8
    assert found["accuracy_s"].value == 0.5, "over pairs, not sections"
    assert found["accuracy_s:hep-go"].value == 1.0
    assert "rewardbench_score_s" not in figures([1], [0], ["math-prm"])


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_sections_that_are_all_alike_are_not_certain(value):
    names = [subset for subsets in SECTIONS.values() for subset in subsets]
    row = figures([value] * 23, [1 - value] * 23, names)["rewardbench_score_s"]
    assert row.value == approx(value) and row.high - row.low > 0.1
