"""Metrics on score tables made by hand, whose figures are known."""

import numpy as np
import pytest
from pytest import approx
from scipy.stats import spearmanr

from eval.principle_following.bootstrap import BootstrapEstimate, PromptBootstrap, mean_of, ratio
from eval.principle_following.calibration import calibration
from eval.principle_following.metrics import correct, length_correlation, matrix, measure, sensitivity
from eval.principle_following.tables import PairTable, PrincipleTable

# Four pairs, two of each of two prompts; response 2n and 2n + 1 are pair n. Lengths 10 to 80.
PAIRS = PairTable(
    first=np.array([0, 2, 4, 6]),
    second=np.array([1, 3, 5, 7]),
    prompt=np.array([0, 0, 1, 1]),
    prompt_of_response=np.array([0, 0, 0, 0, 1, 1, 1, 1]),
    lengths=np.arange(10, 90, 10),
)
TRUTH = {"Short": np.array([1, 1, 1, 0]), "Long": np.array([-1, -1, -1, 0]), "Kind": np.array([-1, 1, 0, 1])}
OPPOSITE = {"Short": "Long", "Long": "Short", "Kind": None}
BOOTSTRAP = PromptBootstrap(prompts=2, resamples=50, seed=0)


def table(name: str, scores: list[float], negated: list[float] | None, joint: tuple[list[float], ...] = ()):
    """A principle's table from the scores [8] of the responses under it, its negation, and it with its opposite."""

    def margins(values: list[float]) -> np.ndarray:
        array = np.array(values, dtype=float)
        return array[PAIRS.first] - array[PAIRS.second]

    return PrincipleTable(
        name,
        TRUTH[name],
        np.array(scores, dtype=float),
        asserted=margins(scores),
        negated=None if negated is None else margins(negated),
        opposite=OPPOSITE[name],
        joint=tuple(map(margins, joint)),
        about_length=name != "Kind",
    )


def obedient() -> list[PrincipleTable]:
    """Margin 2 for what the principle's check says, in every pair that it tells apart, and balance under both."""
    short, long, kind = [2, 0, 2, 0, 2, 0, 0, 0], [0, 2, 0, 2, 0, 2, 0, 0], [0, 2, 2, 0, 0, 0, 2, 0]
    unkind, equal = [2, 0, 0, 2, 0, 0, 0, 2], [0] * 8
    return [
        table("Short", short, long, (equal, equal)),
        table("Long", long, short, (equal, equal)),
        table("Kind", kind, unkind),
    ]


def ignorant(scores: list[float]) -> list[PrincipleTable]:
    """The same scores whatever is asked for."""
    return [table(name, scores, scores, (scores, scores)) for name in TRUTH]


def test_a_model_that_obeys():
    figures = measure(obedient(), PAIRS, BOOTSTRAP)
    for metric in ("accuracy_asserted", "accuracy_negated", "flip_rate"):
        assert figures.mean[metric].value == figures.pooled[metric].value == 1.0
        assert [figures.by_principle[metric][name].n for name in TRUTH] == [3, 3, 3]
        assert figures.mean[metric].n == 9
    assert figures.tied == {"Short": 1, "Long": 1, "Kind": 1}
    assert figures.mean["opposite_flip_rate"].value == 1.0
    assert list(figures.by_principle["opposite_flip_rate"]) == ["Short", "Long"], "Kind has no opposite"
    assert figures.mean["conflict_ratio"].value == 0.0
    assert list(figures.by_principle["conflict_ratio"]) == ["Short"], "two opposites are one conflict"


def test_a_model_that_ignores_principles():
    # Pair margins -1, 1, 2, -3. Short (1, 1, 1, 0): 2 of 3; Long: 1 of 3; Kind (-1, 1, 0, 1): 2 of 3.
    figures = measure(ignorant([0, 1, 1, 0, 2, 0, 0, 3]), PAIRS, BOOTSTRAP)
    asserted, negated = (figures.by_principle[f"accuracy_{kind}"] for kind in ("asserted", "negated"))
    assert [asserted[name].value for name in TRUTH] == approx([2 / 3, 1 / 3, 2 / 3])
    for name in TRUTH:
        assert asserted[name].value + negated[name].value == approx(1.0, abs=1e-15)
    assert figures.mean["accuracy_asserted"].value == approx(5 / 9)
    assert figures.mean["flip_rate"].value == figures.mean["opposite_flip_rate"].value == 0.0
    assert figures.mean["conflict_ratio"].value == 1.0, "a principle more changes nothing"


def test_a_margin_of_zero_is_half_right_and_turns_nothing():
    figures = measure(ignorant([1] * 8), PAIRS, BOOTSTRAP)
    assert figures.mean["accuracy_asserted"].value == figures.mean["accuracy_negated"].value == 0.5
    assert figures.mean["flip_rate"].value == 0.0


def test_mean_over_principles_and_over_comparisons_differ():
    # Kind is right in 2 of 2 pairs, Short in 1 of 4.
    kind = PrincipleTable("Kind", np.array([1, 1, 0, 0]), np.zeros(8), np.ones(4), None)
    short = PrincipleTable("Short", np.array([1, -1, -1, -1]), np.zeros(8), np.ones(4), None)
    figures = measure([kind, short], PAIRS, BOOTSTRAP)
    assert figures.mean["accuracy_asserted"].value == approx((1 + 1 / 4) / 2)
    assert figures.pooled["accuracy_asserted"].value == approx(3 / 6)
    assert "accuracy_negated" not in figures.mean, "none of them has a negation"


def test_a_principle_whose_check_ties_everywhere_has_no_figure_and_spoils_none():
    tied = PrincipleTable("Kind", np.zeros(4), np.zeros(8), np.ones(4), -np.ones(4))
    short = table("Short", [2, 0, 2, 0, 2, 0, 0, 0], None)
    figures = measure([tied, short], PAIRS, BOOTSTRAP)
    assert figures.by_principle["accuracy_asserted"]["Kind"] == BootstrapEstimate(None, None, None, None, 0)
    assert figures.mean["accuracy_asserted"].value == 1.0
    assert figures.mean["accuracy_negated"].value is None
    assert figures.tied == {"Kind": 4, "Short": 1}
    alone = calibration([tied], PAIRS, BOOTSTRAP)
    assert alone.ece.value is None and alone.brier.value is None


def test_conflict_is_relative_to_each_alone():
    # Alone |4| and |2| in the three known pairs: 3 on average. Together |1| in one order, |2| in the other: 1.5.
    both = ([1, 0, 1, 0, 1, 0, 9, 0], [0, 2, 0, 2, 0, 2, 9, 0])
    tables = [table("Short", [4, 0, 4, 0, 4, 0, 0, 0], None, both), table("Long", [0, 2, 0, 2, 0, 2, 0, 0], None, both)]
    assert measure(tables, PAIRS, BOOTSTRAP).mean["conflict_ratio"].value == approx(0.5)


# --- length, sensitivity, matrix ---------------------------------------------------------------


def test_a_model_that_prefers_longer_answers():
    longer, shorter = [1, 2, 3, 4, 5, 6, 7, 800], [-n for n in range(8)]
    figures = measure(
        [table("Short", shorter, None), table("Long", longer, None), table("Kind", longer, None)], PAIRS, BOOTSTRAP
    )
    found = figures.by_principle["length_correlation"]
    assert [found[name].value for name in ("Short", "Long", "Kind")] == approx([-1, 1, 1]), "ranks: 800 is like 8"
    assert figures.mean["length_correlation"].value == approx(1.0), "without the two that ask for a length"
    assert found["Kind"].n == 8


def test_rank_correlation_literal_with_equal_scores():
    # Ranks of the scores: 1.5, 1.5, 3, 4, 5, 6, 7, 8; of the lengths 1 to 8. Deviations from 4.5:
    # x: -3 -3 -1.5 -.5 .5 1.5 2.5 3.5 (sum of squares 41.5), y: -3.5 ... 3.5 (42), products 41.5.
    scores = np.array([0, 0, 1, 2, 3, 4, 5, 6], dtype=float)
    found = length_correlation(scores, PAIRS, BOOTSTRAP)[0]
    assert found == approx(41.5 / np.sqrt(41.5 * 42))
    assert found == approx(spearmanr(scores, PAIRS.lengths).statistic)


def test_no_length_correlation_of_a_constant():
    assert np.isnan(length_correlation(np.full(8, 0.1), PAIRS, BOOTSTRAP)).all()


def test_sensitivity_literal():
    # Two principles turn the scores around: +1 / -1 for each response. Within one response the deviation is 1; under
    # one principle the scores are half +1, half -1: deviation 1. A level of 100 under one of them changes nothing.
    up = np.array([1, -1] * 4, dtype=float)
    tables = [
        PrincipleTable(name, np.ones(4), scores, np.ones(4), None) for name, scores in (("a", up), ("b", 100 - up))
    ]
    assert sensitivity(tables, PAIRS, BOOTSTRAP).value == approx(1.0)
    assert sensitivity([tables[0], tables[0]], PAIRS, BOOTSTRAP).value == 0.0
    assert sensitivity(tables[:1], PAIRS, BOOTSTRAP).value is None


@pytest.mark.filterwarnings("error")
def test_sensitivity_of_one_prompt_has_no_interval_and_no_warning():
    one = PairTable(*(np.array(values) for values in ([0], [1], [0], [0, 0], [10, 20])))
    up, down = np.array([1.0, -1.0]), np.array([-1.0, 1.0])
    tables = [PrincipleTable(name, np.ones(1), scores, np.ones(1), None) for name, scores in (("a", up), ("b", down))]
    found = sensitivity(tables, one, PromptBootstrap(prompts=1, resamples=20, seed=0))
    assert (found.value, found.low, found.high) == (approx(1.0), None, None)


def test_matrix_of_an_obedient_model_is_the_reference():
    measured, reference, counts = matrix(obedient())
    # Short against Kind: known pairs 0, 1, 3 with margins +, +, 0 and truths -, +, +: 0, 1, 1/2.
    # Kind against Short: known pairs 0, 1, 2 with margins -, +, 0 and truths +, +, +: 0, 1, 1/2.
    assert measured == approx(np.array([[1, 0, 0.5], [0, 1, 0.5], [0.5, 0.5, 1]]))
    assert reference == approx(measured) and counts.tolist() == [3, 3, 3]
    measured, reference, _ = matrix(ignorant([0, 1, 1, 0, 2, 0, 0, 3]))
    assert measured == approx(np.array([[2 / 3, 1 / 3, 2 / 3]] * 3)), "a line is the same whatever is given"
    assert np.isnan(matrix([PrincipleTable("tied", np.zeros(4), np.zeros(8), np.ones(4), None)])[0]).all()


# --- calibration -------------------------------------------------------------------------------


def calibrated(margins: list[float], truth: list[int]):
    return calibration([PrincipleTable("p", np.array(truth), np.zeros(8), np.array(margins), None)], PAIRS, BOOTSTRAP)


def test_calibration_literal():
    # Probabilities 3/4 (three times, right twice) and 1/4 (wrong: response 1 is better).
    margin = float(np.log(3))
    found = calibrated([margin, margin, margin, -margin], [1, 1, -1, 1])
    # bin .7 to .8: |3/4 - 2/3| = 1/12, 3 of 4; bin .2 to .3: |1/4 - 1| = 3/4, 1 of 4
    assert found.ece.value == approx(3 / 4 / 12 + 3 / 16)
    assert found.brier.value == approx((2 * (1 / 4) ** 2 + 2 * (3 / 4) ** 2) / 4)
    rows = {round(row.low, 1): row for row in found.reliability if row.n}
    assert set(rows) == {0.2, 0.7} and rows[0.7].n == 3
    assert (rows[0.7].predicted, rows[0.7].observed) == (approx(0.75), approx(2 / 3))
    empty = found.reliability[0]
    assert (empty.n, empty.predicted, empty.observed) == (0, None, None)


def test_calibration_without_overflow_ties_and_with_negation():
    sure = calibrated([1000.0, -1000.0, 1000.0, -1000.0], [1, -1, 0, -1])
    assert sure.ece.value == sure.brier.value == 0.0 and sure.ece.n == 3
    margins = np.array([9.0, -9, 9, 9])
    turned = PrincipleTable("p", np.array([1, -1, 1, 0]), np.zeros(8), margins, -margins)
    assert calibration([turned], PAIRS, BOOTSTRAP).ece.n == 6
    assert calibration([turned], PAIRS, BOOTSTRAP).brier.value < 1e-6, "under the negation the other one is right"


# --- the bootstrap -----------------------------------------------------------------------------


def share(right: np.ndarray, prompt: np.ndarray, seed: int, resamples: int = 300) -> BootstrapEstimate:
    prompts = int(prompt.max()) + 1
    bootstrap = PromptBootstrap(prompts, resamples, seed)
    draws = ratio(bootstrap.sums(right, prompt), bootstrap.sums(np.ones(len(right)), prompt))
    return bootstrap.estimate(draws, len(right), prompts, share=True)


def test_bootstrap_is_repeated_by_its_seed():
    right, prompt = np.array([1.0, 0, 1, 1, 0, 1]), np.array([0, 0, 1, 2, 3, 4])
    assert share(right, prompt, seed=1) == share(right, prompt, seed=1)
    assert share(right, prompt, seed=1) != share(right, prompt, seed=2)
    assert share(right, prompt, seed=1).value == share(right, prompt, seed=2).value == approx(4 / 6)


def test_intervals_cover_because_prompts_are_resampled():
    """Pairs of one prompt that come out alike: resampled one by one they give intervals that miss far too often."""
    rng, truth, prompts, each = np.random.default_rng(0), 0.7, 40, 6
    covered, covered_wrong, widths = 0, 0, []
    for seed in range(200):
        right = np.repeat((rng.random(prompts) < truth).astype(float), each)
        by_prompt = share(right, np.repeat(np.arange(prompts), each), seed)
        by_pair = share(right, np.arange(prompts * each), seed)
        covered += by_prompt.low <= truth <= by_prompt.high
        covered_wrong += by_pair.low <= truth <= by_pair.high
        widths.append((by_prompt.high - by_prompt.low) / (by_pair.high - by_pair.low))
    assert 0.88 <= covered / 200 <= 0.99
    assert covered_wrong / 200 < 0.65
    assert np.median(widths) == approx(np.sqrt(each), abs=0.25), "the wrong variant is narrower by that factor"


def test_stderr_literal():
    """Resamples 1 and 3: mean 2, sum of squares 2, divided by one less than their number."""
    draws = np.array([2.0, 1.0, 3.0, *[2.0] * 4])  # of the data, of two resamples, and without each of four prompts
    assert PromptBootstrap(4, 2, seed=0).estimate(draws, 5, 4).stderr == approx(2**0.5)


def test_stderr_is_that_of_a_mean():
    right = np.array([0.0, 1] * 50)
    assert share(right, np.arange(100), seed=0, resamples=4000).stderr == approx(0.05, abs=0.002)  # sqrt(.25 / 100)


@pytest.mark.parametrize(
    ("draws", "n", "prompts", "expected"),
    [
        (np.array([np.nan, 1, 2]), 3, 3, BootstrapEstimate(None, None, None, None, 0)),
        (np.array([0.5, 1, 2]), 0, 3, BootstrapEstimate(None, None, None, None, 0)),
        (
            np.array([0.5, 0.5, 0.5]),
            3,
            1,
            BootstrapEstimate(0.5, None, None, None, 3),
        ),  # one prompt says nothing about others
        (np.array([0.5]), 3, 3, BootstrapEstimate(0.5, None, None, None, 3)),  # no resamples
    ],
)
def test_estimates_that_are_less(draws, n, prompts, expected):
    assert PromptBootstrap(2, len(draws) - 1, seed=0).estimate(draws, n, prompts) == expected


def test_sums_weigh_each_prompt_as_often_as_it_was_drawn():
    bootstrap = PromptBootstrap(3, 20, seed=0)
    assert bootstrap.drawn.shape == (20, 3) and (bootstrap.drawn.sum(axis=1) == 3).all()
    sums = bootstrap.sums(np.array([1.0, 10, 100, 1000]), np.array([0, 1, 1, 2]))
    assert sums[0] == 1111
    assert sums[7] == bootstrap.drawn[6] @ [1, 110, 1000]
    assert sums[21:].tolist() == [1110, 1001, 111], "without each prompt"


@pytest.mark.slow
@pytest.mark.parametrize("prompts", [8, 13, 20, 60])
@pytest.mark.parametrize("shape", [(3.0, 1.2), (0.6, 1.4)])  # of the beta distribution of the prompts' own shares
def test_intervals_of_few_prompts_cover(prompts, shape):
    """95 % intervals of shares hold the true one at least 93 times of 100, also for 13 prompts of unequal sizes."""
    rng, truth, covered, tries = np.random.default_rng(1), shape[0] / sum(shape), 0, 1500
    for seed in range(tries):
        sizes, own = rng.integers(1, 5, prompts), rng.beta(*shape, prompts)
        prompt = np.repeat(np.arange(prompts), sizes)
        found = share((rng.random(len(prompt)) < own[prompt]).astype(float), prompt, seed, resamples=500)
        covered += found.low <= truth <= found.high
    assert covered / tries >= 0.93 - 0.005, "half a point for the simulation's own error"


def test_prompts_that_all_agree_are_not_certain():
    agreed = share(np.ones(26), np.repeat(np.arange(13), 2), seed=0)
    # Wilson: 13 / (13 + 1.96^2)
    assert (agreed.value, agreed.low, agreed.high, agreed.stderr) == (1, approx(0.772, abs=1e-3), approx(1), None)


def test_means_leave_out_what_is_undefined():
    found = mean_of([np.array([1.0, np.nan, np.nan]), np.array([3.0, 5.0, np.nan])])
    assert found[:2].tolist() == [2.0, 5.0] and np.isnan(found[2])


def test_correct_literal():
    assert correct(np.array([2.0, -1, 0, 3]), np.array([1, 1, -1, -1])).tolist() == [1, 0, 0.5, 0]
