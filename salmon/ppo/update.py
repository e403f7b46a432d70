"""PPO's inner epochs: clipped policy and value updates over one rollout."""

import time
from collections.abc import Sequence
from dataclasses import fields

import torch

from salmon.config.ppo import KLPlace, LossMean, PPOConfig
from salmon.core.kl import kl_loss
from salmon.core.ppo import PolicyStats, ValueStats, explained_variance, policy_loss, response_weights, value_loss
from salmon.distributed.world import world
from salmon.models.forward import response_logprobs, value_forward
from salmon.ppo.models import POLICY, VALUE, PPOModels
from salmon.ppo.passes import own_micro_batches
from salmon.ppo.rollout import Rollout
from salmon.runtime.health import require_finite
from salmon.runtime.seeding import stream
from salmon.training.trainer import Trainer


def update(
    models: PPOModels, trainer: Trainer, rollout: Rollout, ppo: PPOConfig, step: int, total_steps: int
) -> dict[str, float]:
    """Several passes over the rollout in shuffled minibatches; returns the means over all optimiser steps.

    The policy's and the value model's passes run one after the other, each under its own adapter; one clipped
    optimiser step follows.

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
    num_tokens = int(rollout.batch.mask[list(rows)].sum())
    totals: dict[str, float] = {}
    for index in own_micro_batches(rows, rollout.batch.lengths, ppo.micro_batch_size, models.shared.tokens_at_once):
        if train_policy:
            _add(totals, policy_gradients(models, rollout, index, ppo, num_tokens, len(rows)))
        if models.value_head is not None:
            _add(totals, value_gradients(models, rollout, index, ppo, num_tokens))
    return world().all_reduce_sum(totals)


def policy_gradients(
    models: PPOModels, rollout: Rollout, index: Sequence[int], ppo: PPOConfig, num_tokens: int, num_responses: int
) -> dict[str, float]:
    """Accumulate the policy's gradient of some rows of a minibatch.

    Args:
        index: the rows.
        num_tokens: of the whole minibatch.
        num_responses: of the whole minibatch.
    """
    batch = rollout.batch.rows(index)
    width = batch.mask.shape[1]
    old, reference, advantages = (
        tensor[index, :width] for tensor in (rollout.logprobs, rollout.reference_logprobs, rollout.advantages)
    )
    by_response = ppo.loss_mean is LossMean.responses
    weights = response_weights(batch.mask, num_tokens, num_responses) if by_response else None
    with models.shared.using(POLICY):
        logprobs = response_logprobs(models.shared, batch, ppo.sampling.temperature)
        loss, stats = policy_loss(logprobs, old, advantages, batch.mask, ppo.clip_range, num_tokens, weights)
        totals = _named("policy", stats)
        if ppo.kl.place is KLPlace.loss:
            kl = kl_loss(logprobs, reference, batch.mask, ppo.kl.estimator.value, num_tokens, weights)
            loss = loss + rollout.kl_coefficient * kl
            totals["policy/reference_kl"] = kl.item()
        loss.backward()
    return totals


def value_gradients(
    models: PPOModels, rollout: Rollout, index: Sequence[int], ppo: PPOConfig, num_tokens: int
) -> dict[str, float]:
    """Accumulate the value model's gradient of some rows of a minibatch, which has ``num_tokens`` tokens."""
    assert models.value_head is not None and rollout.targets is not None, "there is a value model"
    batch = rollout.batch.rows(index)
    width = batch.mask.shape[1]
    old, returns = (tensor[index, :width] for tensor in (rollout.targets.old, rollout.targets.returns))
    clip = ppo.clip_range_value * ppo.shaping.scale  # values are in the units of returns
    with models.shared.using(VALUE):
        values = value_forward(models.shared, models.value_head, batch)
        loss, stats = value_loss(values, old, returns, batch.mask, clip, num_tokens)
        (ppo.value_coefficient * loss).backward()
    return _named("value", stats)


def _named(family: str, stats: PolicyStats | ValueStats) -> dict[str, float]:
    """Statistics of a micro-batch as ``family/name``."""
    values: dict[str, torch.Tensor] = {field.name: getattr(stats, field.name) for field in fields(stats)}
    return {f"{family}/{name}": value.item() for name, value in values.items()}


def _add(totals: dict[str, float], stats: dict[str, float]) -> None:
    for name, value in stats.items():
        totals[name] = totals.get(name, 0.0) + value
