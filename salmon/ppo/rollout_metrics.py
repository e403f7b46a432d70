"""What is reported of a rollout before the update (salmon/tracking/glossary.py explains each metric)."""

from collections import defaultdict

import torch

from salmon.core.critic_free import equal_groups
from salmon.core.kl import kl_estimate
from salmon.core.masked import masked_mean, masked_var
from salmon.models.forward import TokenBatch
from salmon.ppo.degeneration import repetition, score_uncertainty
from salmon.ppo.learning_signal import LearningSignal
from salmon.ppo.passes import ModelOutputs
from salmon.ppo.sampled_logprobs import sampled_logprobs
from salmon.ppo.shaping import ScoredResponses


def rollout_metrics(
    scored: ScoredResponses,
    batch: TokenBatch,
    outputs: ModelOutputs,
    signal: LearningSignal,
    kl_coefficient: float,
) -> dict[str, float]:
    """Everything about a rollout that is known before the update."""
    mask, logprobs, entropies = batch.mask, outputs.logprobs, outputs.entropies
    metrics = {
        "objective/kl": ((logprobs - outputs.reference_logprobs) * mask).sum(-1).mean(),
        "objective/kl_k3": (kl_estimate(logprobs, outputs.reference_logprobs, "k3") * mask).sum(-1).mean(),
        "objective/kl_coefficient": torch.tensor(kl_coefficient),
        # Of a token that is drawn, minus its log-prob is one estimate of the entropy, without bias.
        "objective/entropy": masked_mean(-logprobs if entropies is None else entropies, mask),
        "objective/score": scored.scores.mean(),
        "objective/score_std": scored.scores.std(correction=0),
        "objective/length_bonus": scored.bonus.mean(),
        "objective/unfinished_rate": scored.unfinished.mean(),
        "objective/empty_rate": scored.empty.mean(),
        "objective/shaped_reward": signal.rewards.sum(-1).mean(),
        "objective/non_score_reward": (-signal.kl_in_reward * signal.kl).sum(-1).mean(),
        "advantage/mean": masked_mean(signal.advantages, mask),
        "advantage/std": masked_var(signal.advantages, mask).sqrt(),
        "response/length": mask.sum(-1).mean(),
        "response/eos_rate": 1 - scored.unfinished.mean(),
    }
    if entropies is not None:
        apart = (sampled_logprobs(scored.responses, batch) - logprobs).abs()
        metrics["sampler/logprob_difference"] = masked_mean(apart, mask)
    degeneration = {
        "objective/score_uncertainty": score_uncertainty(scored.scores),
        "response/repetition": repetition([response.ids for response in scored.responses]),
    }
    return {name: float(value) for name, value in metrics.items()} | degeneration | principle_scores(scored)


def group_metrics(scored: ScoredResponses, answers: int) -> dict[str, float]:
    """What is reported of the answers to one prompt, where there are several."""
    if answers == 1:
        return {}
    return {"advantage/equal_groups": equal_groups(scored.total, answers).float().mean().item()}


def principle_scores(scored: ScoredResponses) -> dict[str, float]:
    """Mean score of the responses that each principle was shown for."""
    by_principle = defaultdict(list)
    for value, shown in zip(scored.scores.tolist(), scored.principles, strict=True):
        for principle in shown:
            by_principle[principle.name].append(value)
    return {f"principle/{name}/score": sum(values) / len(values) for name, values in sorted(by_principle.items())}
