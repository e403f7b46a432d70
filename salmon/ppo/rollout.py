"""From prompts to PPO's training data: responses, scores under sampled principles, rewards, advantages."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from salmon.config.ppo import PPOConfig, PrincipleSamplingSettings, RewardSource
from salmon.config.reward import RewardConfig
from salmon.config.schema import Config
from salmon.core.gae import gae
from salmon.core.kl import kl_estimate
from salmon.core.masked import masked_mean, masked_var, masked_whiten
from salmon.core.shaping import length_bonus, shaped_rewards
from salmon.data.rows import Prompt
from salmon.distributed.world import RowShard, world
from salmon.models.base import SharedModel
from salmon.models.forward import (
    TokenBatch,
    logprobs_and_entropy,
    response_logprobs,
    score_forward,
    token_batch,
    value_forward,
)
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, Actors
from salmon.ppo.monitor import check_metrics
from salmon.ppo.rewards.judge import follow_scores
from salmon.principles.bank import Bank, Principle, load_bank
from salmon.principles.sampling import sample_principles
from salmon.principles.selection import monitor_bank, rl_bank
from salmon.principles.verifiers import num_words
from salmon.reward.inputs import reward_input
from salmon.runtime.health import require_finite
from salmon.runtime.seeding import stream
from salmon.sampling.responses import Response, sample_sharded
from salmon.sampling.sampler import Sampler

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class RewardRule:
    """What PPO optimises: which principles are shown, and what else counts."""

    bank: Bank  # may be without principles: then the reward model reads its generic criteria
    interventions: tuple[Principle, ...]  # always shown, first
    monitor: Bank | None  # principles whose checks are reported
    sampling: PrincipleSamplingSettings
    ppo: PPOConfig
    reward: RewardConfig  # with the lengths that the reward model reads at RL time

    def principles_for(self, prompt: Prompt, *key: str | int) -> tuple[Principle, ...]:
        """Interventions, then K sampled principles with the boosts of the prompt's question type."""
        boosts = dict.fromkeys(self.sampling.boosted.get(prompt.type, []), self.sampling.boost)
        sampled = sample_principles(self.bank, self.sampling.per_prompt, boosts, stream(*key, "principles"))
        return (*self.interventions, *sampled)


def reward_rule(cfg: Config) -> RewardRule:
    """The principles and settings that decide what is rewarded."""
    bank = rl_bank(cfg.principles)
    boosted = [name for names in cfg.ppo.principles.boosted.values() for name in names]
    if absent := bank.missing(boosted):
        log.warning("ppo.principles.boosted names principles that %s lacks: %s", bank.name, ", ".join(absent))
    interventions = load_bank(cfg.principles.interventions).principles if cfg.principles.interventions else ()
    lengths = cfg.ppo.reward_input
    reward = replace(
        cfg.reward,
        max_length=lengths.max_length,
        max_response_tokens=lengths.max_response_tokens,
        max_instruction_tokens=lengths.max_instruction_tokens,
    )
    return RewardRule(bank, tuple(interventions), monitor_bank(cfg.principles), cfg.ppo.principles, cfg.ppo, reward)


@dataclass(frozen=True)
class Scored:
    """Responses with everything that is added up at their last token; tensors are [B]."""

    prompts: list[Prompt]
    responses: list[Response]
    principles: list[tuple[Principle, ...]]
    scores: Tensor  # of the reward model, or of the judge
    unfinished: Tensor  # 1 = no end token
    empty: Tensor  # 1 = no word
    penalty: Tensor  # for unfinished and empty responses
    bonus: Tensor  # for length

    @property
    def total(self) -> Tensor:
        return self.scores + self.penalty + self.bonus


@dataclass(frozen=True)
class Experience:
    """One rollout, ready for the inner epochs; tensors are [B, R] and 0 at padding."""

    scored: Scored
    batch: TokenBatch
    logprobs: Tensor  # of the policy that sampled, recomputed by the trainer
    values: Tensor
    advantages: Tensor
    returns: Tensor
    metrics: dict[str, float]


@torch.no_grad()
def score(
    actors: Actors,
    rule: RewardRule,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    principles: Sequence[tuple[Principle, ...]],
) -> Scored:
    """Scores under the given principles, with penalties and bonus (PAPER.md 2.7).

    ``ppo.reward_source=judge``: the SFT policy scores in the reward model's place, within the same length. The value
    model still starts from the reward model.
    """
    shared = actors.shared
    if rule.ppo.reward_source is RewardSource.judge:
        scores = judge_scores(actors, rule, prompts, responses, principles)
    else:
        scores = model_scores(actors, rule, prompts, responses, principles)
    shaping = rule.ppo.shaping
    lengths = torch.tensor([float(len(r.ids)) for r in responses], device=shared.device)
    multipliers = torch.tensor([shaping.length_bonus_multiplier[p.type] for p in prompts], device=shared.device)
    unfinished = torch.tensor([float(not r.finished) for r in responses], device=shared.device)
    empty = torch.tensor([float(not num_words(r.text)) for r in responses], device=shared.device)
    bonus = length_bonus(
        lengths, rule.ppo.sampling.max_new_tokens, multipliers, shaping.length_bonus, shaping.length_bonus_cap
    )
    return Scored(
        list(prompts),
        list(responses),
        list(principles),
        scores,
        unfinished,
        empty,
        unfinished * shaping.unfinished_penalty + empty * shaping.empty_penalty,
        bonus,
    )


def judge_scores(
    actors: Actors,
    rule: RewardRule,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    principles: Sequence[tuple[Principle, ...]],
) -> Tensor:
    """The judge's scores [B]."""
    scores, rows = torch.zeros(len(prompts), device=actors.shared.device), list(world().shard(range(len(prompts))))
    mine = follow_scores(
        actors.shared,
        REFERENCE,
        [prompts[i].prompt for i in rows],
        [responses[i].text for i in rows],
        [principles[i] for i in rows],
        rule.reward.max_length,
    )
    for places, (part,) in world().all_gather_rows([(rows, (mine,))]):
        scores[places] = part.to(scores)
    return scores


def model_scores(
    actors: Actors,
    rule: RewardRule,
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    principles: Sequence[tuple[Principle, ...]],
) -> Tensor:
    """The reward model's scores [B]."""
    shared = actors.shared
    inputs = [
        reward_input(shared.chat, response.text, prompt.prompt, [p.definition for p in shown], rule.reward).ids
        for prompt, response, shown in zip(prompts, responses, principles, strict=True)
    ]
    size = rule.ppo.micro_batch_size
    order = sorted(range(len(inputs)), key=lambda i: len(inputs[i]))  # equal lengths together: less padding
    with shared.using(REWARD):
        pieces = sharded_micro_batches(
            order, size, lambda rows: (score_forward(shared, actors.reward_head, [inputs[i] for i in rows]),)
        )
    scores = torch.zeros(len(inputs), device=shared.device)
    for rows, (part,) in pieces:
        scores[rows] = part.to(scores)
    return scores


def collect(
    sampler: Sampler,
    actors: Actors,
    rule: RewardRule,
    prompts: Sequence[Prompt],
    keys: Sequence[tuple],
    step: int,
    kl_coefficient: float,
    zero: float = 0.0,
) -> Experience:
    """Sample, score, and turn into advantages. ``keys`` are the random streams, one a prompt; ``zero`` is the reward
    that counts as none.

    Raises:
        SalmonError: a score or a log-prob is not finite.
    """
    ppo, clock = rule.ppo, _Clock()
    # 1. Responses from the policy.
    responses = sample_sharded(sampler, actors.shared, POLICY, prompts, ppo.sampling, keys)
    clock.lap("rollout")

    # 2. Scores under principles drawn for each prompt.
    principles = [rule.principles_for(prompt, *key) for prompt, key in zip(prompts, keys, strict=True)]
    scored = score(actors, rule, prompts, responses, principles)
    require_finite(step, score=scored.scores)
    clock.lap("score")

    # 3. Log-probs of policy and reference, and values, on exactly the sampled tokens.
    shared = actors.shared
    batch = token_batch(
        [r.prompt_ids for r in responses], [r.ids for r in responses], shared.tokenizer.pad_token_id, shared.device
    )
    size, temperature = ppo.micro_batch_size, ppo.sampling.temperature
    logprobs, entropies = by_row(
        shared, batch, POLICY, size, lambda rows: logprobs_and_entropy(shared, rows, temperature)
    )
    reference = policy_logprobs(shared, batch, REFERENCE, ppo)
    (values,) = by_row(shared, batch, VALUE, size, lambda rows: (value_forward(shared, actors.value_head, rows),))
    require_finite(step, logprobs=logprobs, reference_logprobs=reference, values=values)
    clock.lap("logprobs")

    # 4. Rewards, advantages, returns.
    kl = kl_estimate(logprobs, reference, ppo.kl.estimator.value) * batch.mask
    rewards = shaped_rewards(scored.total - zero, kl, batch.mask, kl_coefficient, ppo.shaping.scale, ppo.shaping.whiten)
    advantages, returns = gae(rewards, values, batch.mask, ppo.gamma, ppo.lam)
    metrics = _metrics(
        scored, responses, batch, logprobs, reference, entropies, kl, rewards, advantages, kl_coefficient
    )
    if ppo.whiten_advantages:
        advantages = masked_whiten(advantages, batch.mask, shift_mean=True)
    checks = check_metrics(rule.monitor, prompts, [response.text for response in responses])
    return Experience(scored, batch, logprobs, values, advantages, returns, metrics | checks | clock.metrics)


@torch.no_grad()
def sharded_micro_batches(
    order: Sequence[int], size: int, compute: Callable[[list[int]], tuple[Tensor, ...]]
) -> list[RowShard]:
    """``compute`` of all rows, ``size`` at a time, shared out over the job's processes; all get all pieces."""
    mine = world().shard(order)
    batches = [list(mine[start : start + size]) for start in range(0, len(mine), size)]
    return world().all_gather_rows([(rows, compute(rows)) for rows in batches])


def by_row(
    shared: SharedModel, batch: TokenBatch, role: str, size: int, compute: Callable[[TokenBatch], tuple[Tensor, ...]]
) -> tuple[Tensor, ...]:
    """``compute`` under one adapter over a rollout, in micro-batches of similar length; tensors [B, R].

    Shared out over the job's processes; all get all rows.
    """
    lengths = batch.mask.sum(-1) + batch.prompt_mask.sum(-1)
    with shared.using(role):
        pieces = sharded_micro_batches(
            torch.argsort(lengths, stable=True).tolist(), size, lambda rows: compute(batch.rows(rows))
        )
    results = tuple(torch.zeros_like(batch.mask) for _ in pieces[0][1])
    for index, parts in pieces:
        for result, part in zip(results, parts, strict=True):
            result[index, : part.shape[1]] = part.to(result)
    return results


def policy_logprobs(shared: SharedModel, batch: TokenBatch, role: str, ppo: PPOConfig) -> Tensor:
    """Log-probs [B, R] of a rollout under the policy or the reference, without gradient."""
    temperature = ppo.sampling.temperature
    return by_row(
        shared, batch, role, ppo.micro_batch_size, lambda rows: (response_logprobs(shared, rows, temperature),)
    )[0]


def _metrics(
    scored: Scored,
    responses: Sequence[Response],
    batch: TokenBatch,
    logprobs: Tensor,
    reference: Tensor,
    entropies: Tensor,
    kl: Tensor,
    rewards: Tensor,
    advantages: Tensor,
    kl_coefficient: float,
) -> dict[str, float]:
    """Everything about a rollout that is known before the update (see the glossary)."""
    mask, lengths = batch.mask, batch.mask.sum(-1)
    sampled = torch.zeros_like(logprobs)
    for row, response in enumerate(responses):
        sampled[row, : len(response.ids)] = torch.tensor(response.logprobs, device=logprobs.device)
    metrics = {
        "objective/kl": ((logprobs - reference) * mask).sum(-1).mean(),
        "objective/kl_k3": (kl_estimate(logprobs, reference, "k3") * mask).sum(-1).mean(),
        "objective/kl_coefficient": torch.tensor(kl_coefficient),
        "objective/entropy": masked_mean(entropies, mask),
        "objective/score": scored.scores.mean(),
        "objective/score_std": scored.scores.std(correction=0),
        "objective/length_bonus": scored.bonus.mean(),
        "objective/unfinished_rate": scored.unfinished.mean(),
        "objective/empty_rate": scored.empty.mean(),
        "objective/shaped_reward": rewards.sum(-1).mean(),
        "objective/non_score_reward": (-kl_coefficient * kl).sum(-1).mean(),
        "advantage/mean": masked_mean(advantages, mask),
        "advantage/std": masked_var(advantages, mask).sqrt(),
        "response/length": lengths.mean(),
        "response/eos_rate": 1 - scored.unfinished.mean(),
        "sampler/logprob_difference": masked_mean((sampled - logprobs).abs(), mask),
    }
    by_principle = defaultdict(list)
    for value, shown in zip(scored.scores.tolist(), scored.principles, strict=True):
        for principle in shown:
            by_principle[principle.name].append(value)
    return {name: float(value) for name, value in metrics.items()} | {
        f"principle/{name}/score": sum(values) / len(values) for name, values in sorted(by_principle.items())
    }


class _Clock:
    """Seconds of the phases of a step."""

    def __init__(self) -> None:
        self.metrics: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        now = time.perf_counter()
        self.metrics[f"time/{phase}_s"] = now - self._last
        self._last = now
