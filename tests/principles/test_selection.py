"""Which banks a config names for the reward model, the RL stage and the monitor."""

from dataclasses import replace

import pytest

from salmon.config.data import PrinciplesConfig
from salmon.errors import SalmonError
from salmon.principles.bank import load_bank
from salmon.principles.selection import monitor_bank, reward_bank, rl_bank

SETTINGS = PrinciplesConfig(
    reward="verifiable_11",
    reward_exclude=[],
    reward_wordings=None,
    rl="verifiable_11",
    include=[],
    exclude=[],
    interventions=None,
    monitor=None,
)


def test_the_whole_bank() -> None:
    assert rl_bank(SETTINGS) == load_bank("verifiable_11")
    assert len(rl_bank(SETTINGS).principles) == 11


def test_some_of_it() -> None:
    assert rl_bank(replace(SETTINGS, include=["Formal", "Concise"])).names == ("Concise", "Formal")  # the bank's order
    left = rl_bank(replace(SETTINGS, exclude=["Formal", "Concise"])).names
    assert len(left) == 9 and not {"Formal", "Concise"} & set(left)


def test_the_reward_models_principles_in_fewer_wordings() -> None:
    whole, three, one = (
        reward_bank(replace(SETTINGS, reward_exclude=["Informal"], reward_wordings=n)) for n in (None, 3, 1)
    )
    assert whole == load_bank("verifiable_11", exclude=["Informal"]) and three.names == one.names == whole.names
    for few, principle in zip(three.principles, whole.principles, strict=True):
        assert few.paraphrases == principle.paraphrases[:2]
    assert {(p.paraphrases, p.negative_paraphrases) for p in one.principles} == {((), ())}
    assert [p.negative_definition for p in one.principles] == [p.negative_definition for p in whole.principles]


def test_null_is_a_bank_without_principles() -> None:
    """Whatever is included or excluded, since there is nothing to choose from."""
    assert rl_bank(replace(SETTINGS, rl=None)).principles == ()
    assert rl_bank(replace(SETTINGS, rl=None, include=["Concise"])).content() == []


def test_the_monitor_is_another_bank_and_whole() -> None:
    assert monitor_bank(SETTINGS) is None
    settings = replace(SETTINGS, rl=None, include=["Concise"], monitor="verifiable_unseen_5")
    assert monitor_bank(settings) == load_bank("verifiable_unseen_5")


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(SalmonError, match="Concice.*Concise"):
        rl_bank(replace(SETTINGS, include=["Concice"]))


def test_a_monitor_without_any_check_is_refused() -> None:
    with pytest.raises(SalmonError, match="principles.monitor=honest_8: none of its principles has a check.*=null"):
        monitor_bank(replace(SETTINGS, monitor="honest_8"))
