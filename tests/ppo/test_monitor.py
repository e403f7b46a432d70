"""What the checks say of a rollout: means and shares by hand."""

import pytest

from salmon.data.rows import Prompt
from salmon.ppo.monitor import check_metrics, check_scores, paid_metrics
from salmon.principles.bank import Bank, Principle

BANK = Bank(
    "monitored",
    (
        Principle("Calm", "It avoids the word.", check="avoids_word:actually"),
        Principle("Kind", "Nobody can check it."),
        Principle("Counted", "It keeps to the number.", check="exact_count"),
    ),
)
PROMPTS = [Prompt("a", "Give me three tips."), Prompt("b", "Give me two tips."), Prompt("c", "Give me two tips.")]
RESPONSES = ["- tip\n- tip", "Actually:\n- tip\n- actually a tip", "- actually\n- tip\n- tip\n- tip"]


def test_means_and_violations() -> None:
    """The word: 1/(1+0), 1/(1+2), 1/(1+1); two of three have it. The number: 3/(3+2), 2/2, 2/(2+4)."""
    assert check_metrics(BANK, PROMPTS, RESPONSES) == {
        "check/Calm": pytest.approx((1 + 1 / 3 + 1 / 2) / 3),
        "violations/Calm": pytest.approx(2 / 3),
        "check/Counted": pytest.approx((3 / 5 + 1 + 1 / 3) / 3),  # forbids nothing, so it has no violations
    }


def test_each_response_is_checked_against_its_own_prompt() -> None:
    """The last one has the four tips that another prompt asks for: 4/4."""
    prompts = [*PROMPTS[:2], Prompt("c", "Give me four tips.")]
    assert check_metrics(BANK, prompts, RESPONSES)["check/Counted"] == pytest.approx((3 / 5 + 1 + 1) / 3)
    with pytest.raises(ValueError, match="zip"):
        check_metrics(BANK, prompts[:2], RESPONSES)


def test_an_empty_response_follows_nothing_and_violates_nothing() -> None:
    assert check_metrics(BANK, PROMPTS[:1], [""]) == {"check/Calm": 0.0, "violations/Calm": 0.0, "check/Counted": 0.0}


def test_the_prefix_stands_before_every_name() -> None:
    assert set(check_metrics(BANK, PROMPTS, RESPONSES, "held_out/")) == {
        "held_out/check/Calm",
        "held_out/violations/Calm",
        "held_out/check/Counted",
    }


def test_nothing_is_reported_without_a_bank_or_checks() -> None:
    assert check_metrics(None, PROMPTS, RESPONSES) == {}
    assert check_metrics(Bank("kind", BANK.principles[1:2]), PROMPTS, RESPONSES) == {}


def test_what_the_reward_pays_for_a_violation() -> None:
    """Responses 2 and 3 have the word: (5 + 3) / 2 - 1; where all or none have it there is nothing to compare."""
    assert paid_metrics(BANK, PROMPTS, RESPONSES, [1.0, 5.0, 3.0]) == {"paid/Calm": pytest.approx(3.0)}
    assert paid_metrics(BANK, PROMPTS[:1], RESPONSES[:1], [1.0]) == {}
    assert paid_metrics(None, PROMPTS, RESPONSES, [1.0, 5.0, 3.0]) == {}


def test_the_scores_of_each_response_have_the_means_that_are_reported() -> None:
    scores, means = check_scores(BANK, PROMPTS, RESPONSES), check_metrics(BANK, PROMPTS, RESPONSES)
    assert set(scores) == {"Calm", "Counted"}
    for name, values in scores.items():
        assert sum(values) / 3 == pytest.approx(means[f"check/{name}"])
