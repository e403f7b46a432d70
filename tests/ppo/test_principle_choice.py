"""Principles at RL time: interventions first, then some that are drawn; boosts of what is not there are reported."""

import logging

import pytest

from salmon.config.ppo import PrincipleSamplingSettings
from salmon.data.rows import Prompt
from salmon.ppo.principle_choice import PrincipleChoice, warn_of_absent_boosts
from salmon.principles.bank import Bank, Principle

BANK = Bank("three", tuple(Principle(name, f"It is {name}.") for name in ("short", "kind", "exact")))
ALWAYS = Principle("always", "It is always shown.")


def choice(per_prompt: int, *boosted: str, boost: float = 1e9) -> PrincipleChoice:
    return PrincipleChoice(BANK, (ALWAYS,), PrincipleSamplingSettings(per_prompt, boost, {"reasoning": list(boosted)}))


def shown(chosen: PrincipleChoice, kind: str, number: int = 0) -> list[str]:
    return [principle.name for principle in chosen.for_prompt(Prompt("p", "?", kind), 0, number)]


def test_interventions_come_first_and_the_key_decides_the_others() -> None:
    found = {tuple(shown(choice(2), "general", number)) for number in range(40)}
    assert all(names[0] == "always" and len(set(names)) == 3 for names in found) and len(found) > 2
    assert shown(choice(2), "general", 3) == shown(choice(2), "general", 3)


def test_boosts_are_of_their_own_question_type() -> None:
    assert {shown(choice(1, "exact"), "reasoning", number)[1] for number in range(40)} == {"exact"}
    assert {shown(choice(1, "exact"), "general", number)[1] for number in range(40)} == {"short", "kind", "exact"}


def test_what_can_be_shown() -> None:
    assert [p.name for p in choice(1).possible] == ["always", "short", "kind", "exact"]
    assert [p.name for p in choice(0).possible] == ["always"]


def test_boosts_that_the_bank_lacks_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="salmon"):
        warn_of_absent_boosts(choice(1, "exact"))
        assert caplog.messages == []
        warn_of_absent_boosts(choice(1, "exact", "numerical"))
    assert caplog.messages == ['ppo.principles.boosted names principles that three lacks: "numerical"']
