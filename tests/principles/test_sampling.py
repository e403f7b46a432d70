"""Weighted draws against PAPER.md 2.6 and against an exact computation; negation."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from salmon.principles.bank import Bank, Principle
from salmon.principles.sampling import Guideline, draw_guidelines, sample_principles

WEIGHTS = {
    "Candor": 4,
    "Honest and Accurate": 3,
    "Comprehensive": 3,
    "Natural Language": 3,
    "Analytical Structure": 3,
    "Ethical": 2,
    "Stand-Alone": 2,
    "Educational and Engaging": 1,
    "Creative": 1,
    "Multilingual": 1,
    "Consistent Reasoning": 1,
    "Numerical Sensitive": 1,
    "Vivid": 1,
    "Privacy Protection": 1,
}
RL = Bank("rl", tuple(Principle(name, f"{name}.", None, weight) for name, weight in WEIGHTS.items()))
DRAWS = 20_000
# PAPER.md 2.6 gives two decimals (error up to .005); 5 standard errors of 20,000 draws are at most .0177.
TOLERANCE = 0.0227


def inclusion(boosts: dict[str, float], sampler=sample_principles) -> dict[str, float]:
    rng = np.random.default_rng(0)
    counts = Counter(p.name for _ in range(DRAWS) for p in sampler(RL, 3, boosts, rng))
    return {name: counts[name] / DRAWS for name in WEIGHTS}


def test_general_prompts():
    rates = inclusion({})
    expected = {4: 0.41, 3: 0.33, 2: 0.23, 1: 0.12}
    for name, weight in WEIGHTS.items():
        assert rates[name] == pytest.approx(expected[weight], abs=TOLERANCE), name
    assert sum(rates.values()) == pytest.approx(3)


def test_reasoning_prompts_nearly_always_have_both_boosted_principles():
    rates = inclusion({"Consistent Reasoning": 128.0, "Numerical Sensitive": 128.0})
    # 0.98: standard error .001, so 5 of them and the rounding are .010
    assert rates["Consistent Reasoning"] == pytest.approx(0.98, abs=0.01)
    assert rates["Numerical Sensitive"] == pytest.approx(0.98, abs=0.01)


def test_red_teaming_prompts_nearly_always_have_ethical():
    # 0.997: standard error .0004, so 5 of them and the rounding are .0025
    assert inclusion({"Ethical": 128.0})["Ethical"] == pytest.approx(0.997, abs=0.0025)


def test_mutants_miss_the_figures():
    def unweighted(bank, k, boosts, rng):
        return [bank.principles[i] for i in rng.permutation(len(bank.principles))[:k]]

    def linear_keys(bank, k, boosts, rng):  # u * weight is not Efraimidis-Spirakis
        keys = rng.random(len(bank.principles)) * np.array([p.weight for p in bank.principles])
        return [bank.principles[i] for i in np.argsort(-keys)[:k]]

    for mutant in (unweighted, linear_keys):
        assert abs(inclusion({}, mutant)["Candor"] - 0.41) > TOLERANCE


def test_orders_have_the_probabilities_of_successive_draws():
    weight = {"a": 1, "b": 2, "c": 3}
    bank = Bank("abc", tuple(Principle(name, name, None, weight[name]) for name in "abc"))
    rng = np.random.default_rng(1)
    counts = Counter("".join(p.name for p in sample_principles(bank, 2, {}, rng)) for _ in range(DRAWS))
    # e.g. "ca": 3/6 * 1/3 = .167, "ac": 1/6 * 3/5 = .100
    for first, second in permutations("abc", 2):
        expected = weight[first] / 6 * weight[second] / (6 - weight[first])
        assert counts[first + second] / DRAWS == pytest.approx(expected, abs=0.0177)


def test_more_than_there_are_gives_all_in_varying_order():
    rng = np.random.default_rng(2)
    drawn = [sample_principles(RL, 99, {}, rng) for _ in range(5)]
    assert all(sorted(p.name for p in each) == sorted(WEIGHTS) for each in drawn)
    assert len(set(drawn)) == 5


def test_draws_are_distinct_and_depend_on_the_generator_only():
    for seed in range(50):
        drawn = sample_principles(RL, 5, {}, np.random.default_rng(seed))
        assert len({p.name for p in drawn}) == 5
        assert drawn == sample_principles(RL, 5, {}, np.random.default_rng(seed))
    assert sample_principles(RL, 0, {}, np.random.default_rng(0)) == ()


def test_boosts_of_absent_principles_change_nothing():
    plain = sample_principles(RL, 5, {}, np.random.default_rng(3))
    assert sample_principles(RL, 5, {"Harmless": 128.0}, np.random.default_rng(3)) == plain


@pytest.mark.parametrize(("k", "boosts"), [(-1, {}), (1, {"Vivid": -1.0})])
def test_bad_arguments(k, boosts):
    with pytest.raises(ValueError):
        sample_principles(RL, k, boosts, np.random.default_rng(0))


def test_guideline_text_and_key():
    brief = Principle("Brief", "Be short.", "Ramble.")
    assert (Guideline(brief).text, Guideline(brief).key) == ("Be short.", "Brief")
    assert (Guideline(brief, True).text, Guideline(brief, True).key) == ("Ramble.", "not Brief")
    with pytest.raises(ValueError, match="Kind"):
        Guideline(Principle("Kind", "Be kind."), negated=True)


def test_negation_rate_and_its_limits():
    principles = [Principle("Brief", "Be short.", "Ramble."), Principle("Kind", "Be kind.")]
    rng = np.random.default_rng(4)
    drawn = [draw_guidelines(principles, 0.3, rng) for _ in range(DRAWS)]
    rate = np.mean([first.negated for first, _ in drawn])
    assert rate == pytest.approx(0.3, abs=0.0162)  # 5 standard errors: 5 * sqrt(.3 * .7 / 20000)
    assert not any(second.negated for _, second in drawn)
    assert all(g.principle is p for pair in drawn[:10] for g, p in zip(pair, principles, strict=True))
    assert not any(g.negated for _ in range(100) for g in draw_guidelines(principles, 0.0, rng))
    assert all(draw_guidelines(principles, 1.0, rng)[0].negated for _ in range(100))


def test_a_principle_that_cannot_be_negated_does_not_shift_the_others():
    able, unable = Principle("Kind", "Be kind.", "Be rude."), Principle("Kind", "Be kind.")
    brief = Principle("Brief", "Be short.", "Ramble.")
    for seed in range(50):
        one = draw_guidelines([able, brief], 0.5, np.random.default_rng(seed))
        two = draw_guidelines([unable, brief], 0.5, np.random.default_rng(seed))
        assert one[1].negated == two[1].negated


MANY = Principle("Brief", "Be short.", "Ramble.", 1.0, ("Be terse.", "Few words."), ("Drone.",))


def test_guideline_wordings():
    assert [Guideline(MANY, False, n).text for n in range(3)] == ["Be short.", "Be terse.", "Few words."]
    assert [Guideline(MANY, True, n).text for n in range(2)] == ["Ramble.", "Drone."]
    assert Guideline(MANY, True, 1).key == "not Brief"
    for negated, wording in ((False, 3), (True, 2), (False, -1)):
        with pytest.raises(ValueError, match=f"no wording {wording}"):
            Guideline(MANY, negated, wording)


def test_wordings_are_uniform_within_each_polarity():
    rng = np.random.default_rng(5)
    counts = Counter(draw_guidelines([MANY], 0.4, rng)[0].text for _ in range(DRAWS))
    # .6 / 3 = .2 and .4 / 2 = .2; 5 standard errors: 5 * sqrt(.2 * .8 / 20000)
    assert set(counts) == {"Be short.", "Be terse.", "Few words.", "Ramble.", "Drone."}
    assert {text: n / DRAWS for text, n in counts.items()} == pytest.approx(dict.fromkeys(counts, 0.2), abs=0.0142)


def test_wordings_at_the_limits_of_the_negation_probability():
    rng = np.random.default_rng(6)
    for probability, principle, expected in (
        (0.0, MANY, {"Be short.", "Be terse.", "Few words."}),
        (1.0, MANY, {"Ramble.", "Drone."}),
        (0.5, Principle("Kind", "Be kind.", paraphrases=("Be nice.",)), {"Be kind.", "Be nice."}),
    ):
        drawn = Counter(draw_guidelines([principle], probability, rng)[0].text for _ in range(2000))
        assert set(drawn) == expected
        # 5 standard errors of a share of one in n
        share = 1 / len(expected)
        assert all(abs(n / 2000 - share) < 5 * (share * (1 - share) / 2000) ** 0.5 for n in drawn.values())


def test_paraphrases_leave_negations_and_the_generator_alone():
    plain = Principle("Brief", "Be short.", "Ramble.")
    for seed in range(100):
        one, two = np.random.default_rng(seed), np.random.default_rng(seed)
        old = [bool(u < 0.5) for u in np.random.default_rng(seed).random(2)]  # how it was before there were wordings
        assert [g.negated for g in draw_guidelines([plain, plain], 0.5, one)] == old
        assert [g.negated for g in draw_guidelines([MANY, plain], 0.5, two)] == old
        assert one.random() == two.random()


def test_a_mirrored_draw_is_the_opposite_and_as_likely():
    """Antithetic: at 0.5 it negates what the other asserts, and at every rate both negate as often."""
    pairs = [
        [draw_guidelines([MANY], 0.5, np.random.default_rng(seed), mirrored)[0] for mirrored in (False, True)]
        for seed in range(200)
    ]
    assert all(one.negated != other.negated for one, other in pairs)
    rng = np.random.default_rng(7)
    texts = Counter(draw_guidelines([MANY], 0.4, rng, True)[0].text for _ in range(DRAWS))
    assert {text: n / DRAWS for text, n in texts.items()} == pytest.approx(dict.fromkeys(texts, 0.2), abs=0.0142)
    for probability in (0.0, 1.0):  # no draw leaves [0, 1)
        assert draw_guidelines([MANY], probability, Zeros(), True)[0].negated == bool(probability)


class Zeros:
    """A generator at its limit."""

    def random(self, size):
        return np.zeros(size)
