"""Which rewards there are, and that one which cannot be computed is refused before anything runs."""

from functools import cache

import pytest
from hydra import compose, initialize_config_dir

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.errors import SalmonError
from salmon.pipeline.registry import STAGES
from salmon.ppo.rewards.instructable_model import InstructableModelReward
from salmon.ppo.rewards.judge import JudgeReward
from salmon.ppo.rewards.registry import REWARDS, make_reward
from salmon.ppo.rewards.verifier import VerifierReward

pytestmark = pytest.mark.slow

CHECKED = ("principles=verifiable", "principles.rl=verifiable_11")


@cache
def config(*overrides: str) -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config", overrides=["+experiment=self_judged", "model=tiny", *overrides]), Config)


def test_each_name_makes_its_reward(ppo_models) -> None:
    made = {name: make_reward(config(*CHECKED, f"ppo.reward_source={name}"), ppo_models) for name in REWARDS}
    assert {name: type(reward) for name, reward in made.items()} == {
        "model": InstructableModelReward,
        "judge": JudgeReward,
        "verifier": VerifierReward,
    }


@pytest.mark.parametrize("stage", ["ppo", "best_of_n"])
def test_an_unknown_name_is_told_with_the_nearest(stage: str) -> None:
    with pytest.raises(SalmonError) as error:
        STAGES[stage].settings(config("ppo.reward_source=verfier"))
    assert str(error.value) == (
        'ppo.reward_source=verfier: there is no such reward (did you mean "verifier"?); '
        "known are model, judge, verifier"
    )


@pytest.mark.parametrize("stage", ["ppo", "best_of_n"])
@pytest.mark.parametrize("name", ["judge", "verifier"])
@pytest.mark.parametrize("without", ["principles.rl=null", "ppo.principles.per_prompt=0"])
def test_some_need_principles(stage: str, name: str, without: str) -> None:
    cfg = config(*CHECKED, f"ppo.reward_source={name}", "principles.interventions=null", without)
    with pytest.raises(SalmonError) as error:
        STAGES[stage].settings(cfg)
    assert str(error.value) == (
        f"ppo.reward_source={name} needs principles: set principles.rl and ppo.principles.per_prompt above 0"
    )


@pytest.mark.parametrize(
    "overrides",
    [
        ("principles.rl=null",),  # the interventions are left
        ("principles.interventions=null",),
    ],
)
def test_one_kind_of_principles_is_enough_for_the_judge(overrides: tuple[str, ...]) -> None:
    assert STAGES["ppo"].settings(config("ppo.reward_source=judge", *overrides))["ppo"]["reward_source"] == "judge"


def test_the_reward_model_needs_no_principles() -> None:
    cfg = config("principles.rl=null", "principles.interventions=null")
    assert STAGES["ppo"].settings(cfg)["ppo"]["reward_source"] == "model"


@pytest.mark.parametrize("stage", ["ppo", "best_of_n"])
def test_the_verifier_refuses_principles_without_a_check(stage: str) -> None:
    with pytest.raises(SalmonError, match="principles' checks.*have none: .*Ethical.*principles.exclude") as error:
        STAGES[stage].settings(config("principles.rl=rl_14", "ppo.reward_source=verifier"))
    assert "ppo.reward_source=model" in str(error.value)


def test_the_verifier_does_not_mind_principles_that_are_never_shown() -> None:
    """per_prompt=0: only the interventions are shown, and these have checks."""
    shown = ("principles.rl=rl_14", "principles.interventions=verifiable_11", "ppo.principles.per_prompt=0")
    STAGES["ppo"].settings(config("ppo.reward_source=verifier", *shown))
