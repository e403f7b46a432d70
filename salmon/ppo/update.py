"""PPO's inner epochs: clipped policy and value updates over one rollout."""

import time
from collections.abc import Sequence
from dataclasses import fields

import torch

from salmon.config.ppo import PPOConfig
from salmon.core.ppo import PolicyStats, ValueStats, explained_variance, policy_loss, value_loss
from salmon.distributed.world import world
from salmon.models.forward import response_logprobs, value_forward
from salmon.ppo.models import POLICY, VALUE, PPOModels
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
        models: policy and value model are trained.
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
    explained = explained_variance(rollout.values, rollout.returns, rollout.batch.mask)
    return means | {
        "value/explained_variance": explained.item(),
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
    # Rows of similar length share a micro-batch: less padding, same sums.
    lengths = (rollout.batch.mask.sum(-1) + rollout.batch.prompt_mask.sum(-1)).tolist()
    rows = sorted(rows, key=lambda i: lengths[i])
    num_tokens = int(rollout.batch.mask[rows].sum())
    totals: dict[str, float] = {}
    value_clip = ppo.clip_range_value * ppo.shaping.scale  # values are in the units of returns
    own_rows = world().shard(rows)
    for start in range(0, len(own_rows), ppo.micro_batch_size):
        index = own_rows[start : start + ppo.micro_batch_size]
        batch = rollout.batch.rows(index)
        width = batch.mask.shape[1]
        old_logprobs, advantages, old_values, returns = (
            tensor[index, :width] for tensor in (rollout.logprobs, rollout.advantages, rollout.values, rollout.returns)
        )
        if train_policy:
            with models.shared.using(POLICY):
                logprobs = response_logprobs(models.shared, batch, ppo.sampling.temperature)
                loss, policy = policy_loss(logprobs, old_logprobs, advantages, batch.mask, ppo.clip_range, num_tokens)
                loss.backward()
            _add(totals, "policy", policy)
        with models.shared.using(VALUE):
            values = value_forward(models.shared, models.value_head, batch)
            loss, value = value_loss(values, old_values, returns, batch.mask, value_clip, num_tokens)
            (ppo.value_coefficient * loss).backward()
        _add(totals, "value", value)
    return world().all_reduce_sum(totals)


def _add(totals: dict[str, float], family: str, stats: PolicyStats | ValueStats) -> None:
    """Add the statistics of a micro-batch to the sums ``family/name``."""
    for field in fields(stats):
        value: torch.Tensor = getattr(stats, field.name)
        name = f"{family}/{field.name}"
        totals[name] = totals.get(name, 0.0) + value.item()
