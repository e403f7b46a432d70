"""What the reward model reads: within its limit, started once, the same code for training and for PPO."""

from dataclasses import replace

import pytest
from tokenizers.processors import TemplateProcessing

from salmon.config.reward import RewardConfig, RewardHead
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.principles.templates import GENERIC_CRITERIA
from salmon.reward.inputs import reward_input

GUIDELINES = ["It is short.", "It is true."]
SCALAR = RewardHead.scalar


@pytest.fixture
def starting(tiny: SharedModel) -> ChatFormat:
    """A tokenizer that puts ``<s>`` before every sequence, as Llama's does."""
    tiny.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return ChatFormat(tiny.tokenizer, "")


def limited(config: RewardConfig, max_length: int) -> RewardConfig:
    return replace(config, max_length=max_length, pretrain=replace(config.pretrain, max_length=max_length))


def test_response_instruction_guidelines_in_this_order(tiny: SharedModel, reward_config: RewardConfig) -> None:
    encoded = reward_input(tiny.chat, "A salmon.", "Name a fish.", GUIDELINES, reward_config, SCALAR)
    text = tiny.chat.decode(encoded.ids)
    places = [text.index(part) for part in ("A salmon.", "Name a fish.", *GUIDELINES)]
    assert places == sorted(places)
    assert text.endswith("Quality:")
    assert (encoded.cut_instruction, encoded.cut_response) == (0, 0)


def test_without_guidelines_the_generic_criteria_stand_there(tiny: SharedModel, reward_config: RewardConfig) -> None:
    text = tiny.chat.decode(
        reward_input(tiny.chat, "A salmon.", "Name a fish.", (), reward_config.pretrain, SCALAR).ids
    )
    assert all(criterion in text for criterion in GENERIC_CRITERIA)


def test_the_score_is_read_at_the_same_closing_line_however_long_the_rest(
    tiny: SharedModel, reward_config: RewardConfig
) -> None:
    short = reward_input(tiny.chat, "x", "y", GUIDELINES, reward_config, SCALAR).ids
    long = reward_input(tiny.chat, "x" * 999, "y" * 999, GUIDELINES, reward_config, SCALAR)
    assert long.ids[-45:] == short[-45:]
    assert tiny.chat.decode(short[-45:]).endswith("Quality:")
    assert (long.cut_instruction, long.cut_response) == (799, 799)  # limits of 200 each


def test_the_start_token_comes_once_and_counts(starting: ChatFormat, reward_config: RewardConfig) -> None:
    room = len(reward_input(starting, "", "", GUIDELINES, reward_config, SCALAR).ids)
    for max_length in (room + 20, room + 21):
        encoded = reward_input(starting, "x" * 99, "y" * 99, GUIDELINES, limited(reward_config, max_length), SCALAR)
        assert len(encoded.ids) == max_length
        assert encoded.ids[0] == 1 and encoded.ids.count(1) == 1
        assert encoded.cut_instruction + encoded.cut_response == 198 - (max_length - room)


def test_a_tokenizer_without_start_token_gets_none(tiny: SharedModel, reward_config: RewardConfig) -> None:
    ids = reward_input(tiny.chat, "x", "y", GUIDELINES, reward_config, SCALAR).ids
    assert ids[:9] == tiny.chat.encode("Response:")
    assert not set(ids) & set(tiny.tokenizer.all_special_ids)


def test_no_room_for_a_response_names_the_setting(tiny: SharedModel, reward_config: RewardConfig) -> None:
    tight = limited(reward_config, 50)
    with pytest.raises(SalmonError, match="^reward.max_length=50 leaves no room"):
        reward_input(tiny.chat, "x", "y", GUIDELINES, tight, SCALAR)
    with pytest.raises(SalmonError, match="^reward.pretrain.max_length=50 leaves no room"):
        reward_input(tiny.chat, "x", "y", (), tight.pretrain, SCALAR)


def test_the_named_limit_is_the_users_own(starting: ChatFormat, reward_config: RewardConfig) -> None:
    """The start token takes one of the 50; the message must still name what the user has set."""
    with pytest.raises(SalmonError, match="reward.max_length=50 "):
        reward_input(starting, "x", "y", GUIDELINES, limited(reward_config, 50), SCALAR)
