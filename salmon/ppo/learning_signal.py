"""From scores and log-probs to what the update learns from: token rewards, advantages, returns (PAPER.md 2.7)."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from salmon.config.ppo import PPOConfig
from salmon.core.gae import gae
from salmon.core.kl import kl_estimate
from salmon.core.shaping import shaped_rewards
from salmon.models.forward import TokenBatch
from salmon.ppo.passes import ModelOutputs
from salmon.ppo.shaping import ScoredResponses


@dataclass(frozen=True)
class LearningSignal:
    """What a rollout teaches, token by token; 0 at padding."""

    kl: Float[Tensor, "B R"]  # estimate of the KL from the reference, in nats
    rewards: Float[Tensor, "B R"]  # KL penalty, and the response's reward at its last token
    advantages: Float[Tensor, "B R"]  # not whitened
    returns: Float[Tensor, "B R"]


def learning_signal(
    scored: ScoredResponses,
    batch: TokenBatch,
    outputs: ModelOutputs,
    ppo: PPOConfig,
    kl_coefficient: float,
    baseline: float,
) -> LearningSignal:
    """Rewards, advantages and returns of a rollout.

    Args:
        scored: the responses with score, penalty and bonus.
        batch: their tokens.
        outputs: what the models say of these tokens.
        ppo: settings.
        kl_coefficient: weight of the KL penalty.
        baseline: subtracted from every response's reward.
    """
    mask, shaping = batch.mask, ppo.shaping
    kl = kl_estimate(outputs.logprobs, outputs.reference_logprobs, ppo.kl.estimator.value) * mask
    rewards = shaped_rewards(scored.total - baseline, kl, mask, kl_coefficient, shaping.scale, shaping.whiten)
    advantages, returns = gae(rewards, outputs.values, mask, ppo.gamma, ppo.lam)
    return LearningSignal(kl, rewards, advantages, returns)
