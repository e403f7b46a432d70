"""What the reward model reads, as tokens: the same code when it is trained and when it rewards."""

from collections.abc import Sequence

from salmon.config.reward import PretrainSettings, RewardConfig
from salmon.models.chat import ChatFormat
from salmon.principles.encoding import EncodedRewardInput, encode_reward_input


def reward_input(
    chat: ChatFormat,
    response: str,
    instruction: str,
    guidelines: Sequence[str],
    limits: RewardConfig | PretrainSettings,
) -> EncodedRewardInput:
    """A response to an instruction under guidelines; none at all means the generic criteria of pre-training.

    A reward model without principles (``reward.principles=false``) never reads any.

    Raises:
        SalmonError: the guidelines leave no room for a response.
    """
    pretraining = isinstance(limits, PretrainSettings)
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
        "reward.pretrain.max_length" if pretraining else "reward.max_length",
        chat.start_ids,
    )
