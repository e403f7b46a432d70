"""PPO's inner epochs: clipped policy and value updates over one rollout."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.ppo import KLPlace, LossMean, PPOConfig
from salmon.core.kl import kl_loss
from salmon.core.ppo import PolicyStats, ValueStats, explained_variance, policy_loss, response_weights, value_loss
from salmon.distributed.world import world
from salmon.models.forward import TokenBatch, read_logprobs, read_values, response_states
from salmon.models.heads import ScalarHead
from salmon.ppo.models import POLICY, VALUE, PPOModels
from salmon.ppo.passes import own_micro_batches, tokens_read
from salmon.ppo.rollout import Rollout
from salmon.runtime.health import require_finite
from salmon.runtime.seeding import stream
from salmon.training.trainer import Trainer


def update(
    models: PPOModels, trainer: Trainer, rollout: Rollout, ppo: PPOConfig, step: int, total_steps: int
) -> dict[str, float]:
    """Several passes over the rollout in shuffled minibatches; returns the means over all optimiser steps.

    Policy and value model each read the tokens under their own adapter, together or one after the other
    (``ppo.one_pass``); one clipped optimiser step follows.

    Args:
        models: policy and value model (if any) are trained.
        trainer: of ``models.trained``.
        rollout: what is learned from.
        ppo: settings.
        step: number of the update (from 1), which decides the learning rate and the order of the rows.
        total_steps: updates of the whole run.

    Raises:
        SalmonError: a loss or gradient is not finite; names the update.
    """
    began = time.perf_counter()
    history: list[dict[str, float]] = []
    train_policy = step > ppo.critic_warmup_updates
    for inner_epoch in range(ppo.inner_epochs):
        order = stream(ppo.seed, "minibatches", step, inner_epoch).permutation(len(rollout.batch)).tolist()
        for start in range(0, len(order), ppo.minibatch):
            stats = minibatch_gradients(models, rollout, order[start : start + ppo.minibatch], ppo, train_policy)
            require_finite(step, **{name.replace("/", "_"): value for name, value in stats.items()})
            history.append(stats | trainer.step(step, step - 1, total_steps).metrics())
            if ppo.target_kl is not None and stats.get("policy/approx_kl", 0.0) > ppo.target_kl:
                break
        else:
            continue
        break
    means = {name: sum(row[name] for row in history) / len(history) for name in history[0]}
    if (targets := rollout.targets) is not None:
        explained = explained_variance(targets.old, targets.returns, rollout.batch.mask)
        means["value/explained_variance"] = explained.item()
    return means | {
        "policy/optimiser_steps": float(len(history)),
        "time/update_s": time.perf_counter() - began,
    }


def minibatch_gradients(
    models: PPOModels, rollout: Rollout, rows: Sequence[int], ppo: PPOConfig, train_policy: bool
) -> dict[str, float]:
    """Accumulate the gradients of this process's rows of a minibatch, in micro-batches.

    ``Trainer.step`` sums the gradients over the processes. Neither that sum nor the returned statistics, which are of
    the whole minibatch, depend on the size of micro-batches or on the number of processes.
    """
    minibatch = Minibatch(rollout, int(rollout.batch.mask[list(rows)].sum()), len(rows))
    losses: dict[str, Loss] = {POLICY: partial(policy_objective, models, minibatch, ppo)} if train_policy else {}
    if models.value_head is not None:
        losses[VALUE] = partial(value_objective, models.value_head, minibatch, ppo)
    totals: dict[str, float] = {}
    for roles in models.passes(list(losses), ppo.one_pass):
        lengths = tokens_read(rollout.batch, roles)
        with models.shared.using_together(roles):
            for index in own_micro_batches(rows, lengths, ppo.micro_batch_size, models.shared.tokens_at_once):
                batch = rollout.batch.rows(index)
                parts = response_states(models.shared, batch, models.layers(roles[0]), len(roles))
                found = [
                    losses[role](ReadRows(states, batch, index)) for role, states in zip(roles, parts, strict=True)
                ]
                torch.stack([loss for loss, _ in found]).sum().backward()
                for _, stats in found:
                    _add(totals, stats)
    return world().all_reduce_sum(totals)


@dataclass(frozen=True)
class Minibatch:
    """What the losses of some rows are shares of."""

    rollout: Rollout
    num_tokens: int  # response tokens of all its rows
    num_responses: int


@dataclass(frozen=True)
class ReadRows:
    """Some rows of a rollout, as a role has read them."""

    states: Float[Tensor, "N D"]  # before the N real response tokens
    batch: TokenBatch  # of these b rows
    index: Sequence[int]  # their numbers in the rollout

    def of(self, *tensors: Float[Tensor, "B R"]) -> tuple[Float[Tensor, "b r"], ...]:
        """What some tensors of the rollout have of these rows, without the columns that are padding in all of them."""
        width = self.batch.mask.shape[1]
        return tuple(tensor[self.index, :width] for tensor in tensors)


Found = tuple[Float[Tensor, ""], dict[str, float]]  # a loss, and statistics
Loss = Callable[[ReadRows], Found]


def policy_objective(models: PPOModels, minibatch: Minibatch, ppo: PPOConfig, rows: ReadRows) -> Found:
    """The policy's loss of some rows of a minibatch, the KL included where it is charged there."""
    rollout, batch, num_tokens = minibatch.rollout, rows.batch, minibatch.num_tokens
    old, reference, advantages = rows.of(rollout.logprobs, rollout.reference_logprobs, rollout.advantages)
    by_response = ppo.loss_mean is LossMean.responses
    weights = response_weights(batch.mask, num_tokens, minibatch.num_responses) if by_response else None
    logprobs = read_logprobs(models.shared, rows.states, batch, ppo.sampling.temperature)
    loss, stats = policy_loss(logprobs, old, advantages, batch.mask, ppo.clip_range, num_tokens, weights)
    totals = _named("policy", stats)
    if ppo.kl.place is KLPlace.loss:
        kl = kl_loss(logprobs, reference, batch.mask, ppo.kl.estimator.value, num_tokens, weights)
        loss = loss + rollout.kl_coefficient * kl
        totals["policy/reference_kl"] = kl.item()
    return loss, totals


def value_objective(head: ScalarHead, minibatch: Minibatch, ppo: PPOConfig, rows: ReadRows) -> Found:
    """The value model's weighted loss of some rows of a minibatch."""
    targets = minibatch.rollout.targets
    assert targets is not None, "there is a value model"
    old, returns = rows.of(targets.old, targets.returns)
    clip = ppo.clip_range_value * ppo.shaping.scale  # values are in the units of returns
    values = read_values(head, rows.states, rows.batch)
    loss, stats = value_loss(values, old, returns, rows.batch.mask, clip, minibatch.num_tokens)
    return ppo.value_coefficient * loss, _named("value", stats)


def _named(family: str, stats: PolicyStats | ValueStats) -> dict[str, float]:
    """Statistics of a micro-batch as ``family/name``."""
    values: dict[str, Tensor] = {field.name: getattr(stats, field.name) for field in fields(stats)}
    return {f"{family}/{name}": value.item() for name, value in values.items()}


def _add(totals: dict[str, float], stats: dict[str, float]) -> None:
    for name, value in stats.items():
        totals[name] = totals.get(name, 0.0) + value
