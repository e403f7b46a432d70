"""The reward model as the reward: what it reads, and which setting an error names."""

from dataclasses import replace

import pytest

from salmon.config.ppo import RewardInputSettings
from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.ppo.models import PPOModels
from salmon.ppo.rewards.instructable_model import InstructableModelReward
from salmon.principles.bank import Principle
from salmon.sampling.responses import Response

LIMITS = RewardInputSettings(max_length=1000, max_instruction_tokens=200, max_response_tokens=200)
PROMPT, RESPONSE = Prompt("a", "Name a fish."), Response([5], [60], [0.0], True, "A salmon.")
SHOWN = (Principle("Concise", "It says what is needed and no more."),)


@pytest.fixture
def reward(ppo_models: PPOModels) -> InstructableModelReward:
    return InstructableModelReward(ppo_models, LIMITS, reads_principles=True, micro_batch_size=2)


def test_it_reads_response_prompt_and_principles(reward: InstructableModelReward) -> None:
    text = reward.models.shared.chat.decode(reward.input_ids(PROMPT, RESPONSE, SHOWN))
    places = [text.index(part) for part in (RESPONSE.text, PROMPT.prompt, SHOWN[0].definition)]
    assert places == sorted(places)


def test_a_reward_model_without_principles_is_shown_none(reward: InstructableModelReward) -> None:
    plain = replace(reward, reads_principles=False)
    assert plain.input_ids(PROMPT, RESPONSE, SHOWN) == reward.input_ids(PROMPT, RESPONSE, ())
    assert plain.input_ids(PROMPT, RESPONSE, SHOWN) != reward.input_ids(PROMPT, RESPONSE, SHOWN)


def test_no_room_for_a_response_names_the_setting_of_rl(reward: InstructableModelReward) -> None:
    tight = replace(reward, limits=replace(LIMITS, max_length=50))
    with pytest.raises(SalmonError, match=r"^ppo\.reward_input\.max_length=50 leaves no room.*Raise ppo\.reward_input"):
        tight([PROMPT], [RESPONSE], [SHOWN])
