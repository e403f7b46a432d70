import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.aggregation import (
    Decision,
    combine_orders,
    decide,
    draw_num_principles,
    flip,
    normalize_by_variance,
    position_bias,
)

log_odds = st.floats(-30, 30)

COMBINED = {
    (1.0, 3.0): (2.0, False),  # (1 + 3) / 2
    (-1.0, -2.0): (-1.5, False),
    (4.0, -1.0): (0.0, True),
    (-4.0, 1.0): (0.0, True),
    (0.0, 2.0): (0.0, True),  # an order without an opinion disagrees
    (0.0, 0.0): (0.0, True),
    (1e-200, 1e-200): (1e-200, False),  # their product would be 0
}


def test_combined_orders_literals():
    for (original_order, swapped_order), expected in COMBINED.items():
        assert combine_orders(original_order, swapped_order) == expected


def test_averaged_ties_are_rejected():
    assert [((original + swapped) / 2, tie) for (original, swapped), (_, tie) in COMBINED.items()] != list(
        COMBINED.values()
    )


@settings(deadline=None)
@given(original_order=log_odds, swapped_order=log_odds)
def test_swapping_the_responses_flips_the_judgement_exactly(original_order, swapped_order):
    """With the responses swapped, order (1, 2) is the old order (2, 1), and favour changes its name."""
    score, tie = combine_orders(original_order, swapped_order)
    assert combine_orders(-swapped_order, -original_order) == (-score, tie)
    assert position_bias(-swapped_order, -original_order) == position_bias(original_order, swapped_order)


@settings(deadline=None)
@given(opinion=log_odds, bias=log_odds)
def test_position_bias_is_recovered(opinion, bias):
    first_place_12, first_place_21 = opinion + bias, -opinion + bias  # log-odds of the FIRST place, by order
    original_order, swapped_order = first_place_12, -first_place_21
    assert position_bias(original_order, swapped_order) == approx(bias, abs=1e-12)
    score, tie = combine_orders(original_order, swapped_order)
    if abs(opinion) > abs(bias):
        assert not tie and score == approx(opinion, abs=1e-12)
    else:  # the places were what mattered
        assert tie and score == 0


def test_position_bias_literal():
    assert position_bias(3.0, -1.0) == 2.0  # opinion 1, bias 2: shown first 1 + 2, shown second 1 - 2
    assert (3.0 + -1.0) / 2 != 2.0  # mutant: the opinion
    assert position_bias(-1.0, 3.0) != 2.0  # mutant: orders exchanged


# Column 1: mean 4, variance ((-2)^2 + 2^2) / 2 = 4. Column 2: variance 1/4. Column 3: constant.
SCORES = np.array([[2.0, 0.0, 3.0], [6.0, 1.0, 3.0]])
NORMALIZED = np.array([[0.5, 0.0, 0.0], [1.5, 4.0, 0.0]])  # 2 / 4, 6 / 4; 0, 1 / (1/4)


def test_variance_normalisation_literals():
    assert normalize_by_variance(SCORES, SCORES) == approx(NORMALIZED)
    for wrong in (
        SCORES[:, :2] / SCORES[:, :2].std(axis=0),  # standard deviation
        SCORES[:, :2] / SCORES[:, :2].var(axis=0, ddof=1),  # sample variance
        (SCORES - SCORES.mean(axis=0))[:, :2] / SCORES[:, :2].var(axis=0),  # mean shifted
        SCORES[:, :2] / SCORES[:, :2].var(axis=1, keepdims=True),  # over principles instead of data
        SCORES[:, :2] / SCORES.var(),  # over everything
    ):
        assert wrong != approx(NORMALIZED[:, :2])


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_normalisation_keeps_signs_and_follows_pair_order(seed):
    scores = np.random.default_rng(seed).normal(size=(6, 3))
    normalized = normalize_by_variance(scores, scores)
    assert np.array_equal(np.sign(normalized), np.sign(scores))
    assert normalize_by_variance(scores[::-1], scores[::-1]) == approx(normalized[::-1])
    assert normalize_by_variance(10 * scores, 10 * scores) == approx(normalized / 10)


def test_one_pair_has_no_variance_and_none_is_divided_by():
    with np.errstate(all="raise"):
        found = normalize_by_variance(np.array([[1.0, -2.0]]), np.array([[1.0, -2.0]]))
    assert found.tolist() == [[0.0, 0.0]]


def test_the_sample_alone_gives_the_variance():
    """Scores 1 and 3; judgements 1, 3, -1, 1: mean 1, variance (0 + 4 + 4 + 0) / 4 = 2."""
    judgements = np.array([[1.0], [3.0], [-1.0], [1.0]])
    assert normalize_by_variance(np.array([[1.0], [3.0]]), judgements).tolist() == [[0.5], [1.5]]
    assert normalize_by_variance(np.array([[2.0], [2.0]]), judgements).tolist() == [[1.0], [1.0]]  # constant scores


# The paper's example: A scores (2, 3, 6), B scores (1, 5, 5): A - B = (1, -2, 1).
EXAMPLE = np.array([2.0, 3.0, 6.0]) - np.array([1.0, 5.0, 5.0])


def test_the_papers_example_goes_to_b_through_the_second_principle():
    expected = Decision(label=-1, index=1)
    assert decide(EXAMPLE, "most_pronounced") == expected
    assert int(np.sign(EXAMPLE[EXAMPLE.argmax()])) != expected.label  # mutant: largest, not most pronounced
    assert int(np.sign(np.sign(EXAMPLE).sum())) != expected.label  # mutant: majority (A wins two of three)
    assert decide(-EXAMPLE, "most_pronounced") != expected  # mutant: B - A
    assert decide(EXAMPLE, "sum") != expected  # mutant: 11 against 11


@pytest.mark.parametrize(
    ("scores", "rule", "expected"),
    [
        ([1.0, -2.0, 3.0, -0.5], "most_pronounced", Decision(1, 2)),
        ([0.0, 0.0], "most_pronounced", Decision(0, None)),
        ([2.0, -2.0], "most_pronounced", Decision(1, 0)),  # the first of equals
        ([1.0, -2.0, 3.0, -0.5], "sum", Decision(1, None)),  # 1.5
        ([3.0, -2.0, -2.0], "sum", Decision(-1, None)),  # -1, though the largest favours response 1
        ([1.0, -2.0, 1.0], "sum", Decision(0, None)),
        ([0.1, 0.2, -0.3], "sum", Decision(1, None)),  # exactly summed, these doubles are 2.8e-17 above 0
    ],
)
def test_decisions(scores, rule, expected):
    assert decide(scores, rule) == expected


@settings(deadline=None)
@given(scores=st.lists(log_odds, min_size=1, max_size=8), seed=st.integers(0, 10_000))
def test_decisions_flip_with_the_responses_and_follow_the_principles(scores, seed):
    order = np.random.default_rng(seed).permutation(len(scores))
    magnitudes = np.abs(scores)
    for rule in ("most_pronounced", "sum"):
        decision = decide(scores, rule)
        assert decide([-score for score in scores], rule) == Decision(-decision.label, decision.index)
        if rule == "sum" or (magnitudes == magnitudes.max()).sum() == 1:
            permuted = decide(np.array(scores)[order], rule)
            assert permuted.label == decision.label
            assert permuted.index is None or order[permuted.index] == decision.index


def test_number_of_principles_matches_the_papers_distribution():
    """PAPER.md 2.3: geometric(0.2) rejected above 8; one draw's standard deviation is below 2.2."""
    rng = np.random.default_rng(0)
    draws = np.array([draw_num_principles(0.2, 8, rng) for _ in range(20_000)])
    shares = np.bincount(draws, minlength=9)[1:] / len(draws)
    expected = [0.24, 0.19, 0.15, 0.12, 0.10, 0.08, 0.06, 0.05]
    assert draws.min() == 1 and draws.max() == 8
    assert shares.tolist() == approx(expected, abs=0.015)  # 0.005 of rounding + 3 standard errors of 0.003
    assert draws.mean() == approx(3.39, abs=0.05)  # 3 standard errors of 2.2 / sqrt(20000)
    clipped = np.minimum(rng.geometric(0.2, 20_000), 8)  # mutant: clipped instead of rejected
    assert clipped.mean() != approx(3.39, abs=0.05)
    uniform = rng.integers(1, 9, 20_000)
    assert uniform.mean() != approx(3.39, abs=0.05)


def test_number_of_principles_at_the_edges():
    rng = np.random.default_rng(0)
    assert {draw_num_principles(1.0, 8, rng) for _ in range(20)} == {1}
    assert {draw_num_principles(0.2, 1, rng) for _ in range(20)} == {1}
    assert {draw_num_principles(1e-12, 3, rng) for _ in range(100)} == {1, 2, 3}
    for p, maximum in ((0.0, 8), (1.1, 8), (0.2, 0)):
        with pytest.raises(ValueError, match="no geometric distribution"):
            draw_num_principles(p, maximum, rng)


def test_label_noise():
    rng = np.random.default_rng(0)
    assert [flip(label, 0.0, rng) for label in (1, -1, 0)] == [1, -1, 0]
    assert [flip(label, 1.0, rng) for label in (1, -1, 0)] == [-1, 1, 0]
    flipped = np.mean([flip(1, 0.1, rng) == -1 for _ in range(20_000)])
    assert flipped == approx(0.1, abs=0.007)  # 3 standard errors of sqrt(0.09 / 20000) = 0.0021
    assert 1 - flipped != approx(0.1, abs=0.007)  # mutant: kept with the probability of a flip


def test_a_probability_of_zero_never_flips():
    """The lowest number that a generator draws is 0 itself."""

    class Lowest(np.random.Generator):
        def random(self, *args, **kwargs):
            return 0.0

    assert flip(1, 0.0, Lowest(np.random.PCG64(0))) == 1


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_label_noise_draws_once_whatever_its_probability(probability):
    rng, reference = np.random.default_rng(7), np.random.default_rng(7)
    flip(1, probability, rng)
    reference.random()
    assert rng.random() == reference.random()


@pytest.mark.usefixtures("as_at_run_time")
def test_refusals():
    for wrong in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not finite"):
            combine_orders(wrong, 1.0)
        with pytest.raises(ValueError, match="not finite"):
            decide([1.0, wrong], "sum")
        with pytest.raises(ValueError, match="not finite"):
            normalize_by_variance(np.array([[1.0, wrong]]), np.array([[1.0, 2.0]]))
        with pytest.raises(ValueError, match="not finite"):
            normalize_by_variance(np.array([[1.0, 2.0]]), np.array([[1.0, wrong]]))
    with pytest.raises(ValueError, match="K > 0"):
        decide([], "most_pronounced")
    with pytest.raises(ValueError, match="majority"):
        decide([1.0], "majority")  # type: ignore[arg-type]
