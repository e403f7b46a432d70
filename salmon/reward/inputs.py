"""What the reward model reads, as tokens: the same code when it is trained and when it rewards."""

from collections.abc import Sequence

from salmon.config.ppo import RewardInputSettings
from salmon.config.reward import PretrainSettings, RewardConfig, RewardHead
from salmon.models.chat import ChatFormat
from salmon.principles.encoding import EncodedRewardInput, encode_reward_input

# Where the limits of each kind are set, for messages.
GROUP = {RewardConfig: "reward", PretrainSettings: "reward.pretrain", RewardInputSettings: "ppo.reward_input"}


def reward_input(
    chat: ChatFormat,
    response: str,
    instruction: str,
    guidelines: Sequence[str],
    limits: RewardConfig | PretrainSettings | RewardInputSettings,
    head: RewardHead,
) -> EncodedRewardInput:
    """A response to an instruction under guidelines.

    Args:
        chat: the base's chat format.
        response: what is scored.
        instruction: what it answers.
        guidelines: none at all means the generic criteria of pre-training. With the limits of a reward model without
            principles (``reward.principles=false``) they are not read.
        limits: lengths in tokens; of training, of pre-training or of RL.
        head: that of the model which reads it.

    Raises:
        SalmonError: the guidelines leave no room for a response, or the tokenizer has no tokens for the head.
    """
    if isinstance(limits, RewardConfig) and not limits.principles:
        guidelines = ()
    return encode_reward_input(
        response,
        instruction,
        guidelines or None,
        chat.encode,
        limits.max_length,
        limits.max_instruction_tokens,
        limits.max_response_tokens,
        head,
        f"{GROUP[type(limits)]}.max_length",
        chat.start_ids,
    )
