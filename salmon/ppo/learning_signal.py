"""From scores and log-probs to what the update learns from: token rewards and advantages (PAPER.md 2.7, 4.2)."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from salmon.config.ppo import AdvantageEstimator, KLPlace, PPOConfig
from salmon.core.critic_free import group_normalised, leave_one_out, returns_to_go
from salmon.core.gae import gae
from salmon.core.kl import kl_estimate
from salmon.core.shaping import shaped_rewards
from salmon.models.forward import TokenBatch
from salmon.ppo.passes import ModelOutputs
from salmon.ppo.shaping import ScoredResponses


@dataclass(frozen=True)
class ValueTargets:
    """What the value model is trained on; 0 at padding."""

    old: Float[Tensor, "B R"]  # its values when the responses were sampled
    returns: Float[Tensor, "B R"]


@dataclass(frozen=True)
class LearningSignal:
    """What a rollout teaches, token by token; 0 at padding."""

    kl: Float[Tensor, "B R"]  # estimate of the KL from the reference, in nats
    kl_in_reward: float  # what a nat of it costs in the rewards
    rewards: Float[Tensor, "B R"]  # KL penalty, and the response's reward at its last token
    advantages: Float[Tensor, "B R"]  # not whitened
    targets: ValueTargets | None  # None: there is no value model


def learning_signal(
    scored: ScoredResponses,
    batch: TokenBatch,
    outputs: ModelOutputs,
    ppo: PPOConfig,
    kl_coefficient: float,
    baseline: float,
) -> LearningSignal:
    """Rewards and advantages of a rollout.

    Args:
        scored: the responses with score, penalty and bonus.
        batch: their tokens.
        outputs: what the models say of these tokens.
        ppo: settings.
        kl_coefficient: weight of the KL penalty, wherever it is charged.
        baseline: subtracted from every response's reward.
    """
    mask, shaping = batch.mask, ppo.shaping
    kl = kl_estimate(outputs.logprobs, outputs.reference_logprobs, ppo.kl.estimator.value) * mask
    in_reward = kl_coefficient if ppo.kl.place is KLPlace.reward else 0.0
    rewards = shaped_rewards(scored.total - baseline, kl, mask, in_reward, shaping.scale, shaping.whiten)
    if outputs.values is not None:
        advantages, returns = gae(rewards, outputs.values, mask, ppo.gamma, ppo.lam)
        return LearningSignal(kl, in_reward, rewards, advantages, ValueTargets(outputs.values, returns))
    return LearningSignal(kl, in_reward, rewards, critic_free_advantages(rewards, mask, ppo), None)


def critic_free_advantages(
    rewards: Float[Tensor, "B R"], mask: Float[Tensor, "B R"], ppo: PPOConfig
) -> Float[Tensor, "B R"]:
    """Advantages of an estimator without a value model, not whitened; 0 at padding.

    Where answers to a prompt are compared, all tokens of an answer have one advantage, from the sum of its rewards.
    """
    of_response, answers = rewards.sum(-1), ppo.answers_per_prompt
    match ppo.advantage:
        case AdvantageEstimator.rloo:
            return leave_one_out(of_response, answers)[:, None] * mask
        case AdvantageEstimator.grpo:
            return group_normalised(of_response, answers)[:, None] * mask
        case AdvantageEstimator.reinforce_pp:
            return returns_to_go(rewards, mask, ppo.gamma)
    raise ValueError(f"ppo.advantage={ppo.advantage.value} needs a value model")
