"""PPO's inner epochs: clipped policy and value updates over one rollout."""

import time
from dataclasses import fields

import torch

from salmon.config.ppo import PPOConfig
from salmon.core.ppo import PolicyStats, ValueStats, explained_variance, policy_loss, value_loss
from salmon.distributed.world import world
from salmon.models.forward import response_logprobs, value_forward
from salmon.ppo.models import POLICY, VALUE, Actors
from salmon.ppo.rollout import Experience
from salmon.runtime.health import require_finite
from salmon.runtime.seeding import stream
from salmon.training.trainer import Trainer


def update(
    actors: Actors, trainer: Trainer, experience: Experience, ppo: PPOConfig, step: int, total_steps: int, seed: int
) -> dict[str, float]:
    """Several passes over the rollout in shuffled minibatches; returns the means over all optimiser steps.

    The policy's and the value model's passes run one after the other, each under its own adapter; one clipped
    optimiser step follows. The learning rate is that of the ``step``-th update (from 1).

    Raises:
        SalmonError: a loss or gradient is not finite; names the update.
    """
    began = time.perf_counter()
    history: list[dict[str, float]] = []
    train_policy = step > ppo.critic_warmup_updates
    for inner_epoch in range(ppo.inner_epochs):
        order = stream(seed, "minibatches", step, inner_epoch).permutation(len(experience.batch))
        for start in range(0, len(order), ppo.minibatch):
            stats = minibatch_gradients(actors, experience, order[start : start + ppo.minibatch], ppo, train_policy)
            require_finite(step, **{name.replace("/", "_"): value for name, value in stats.items()})
            history.append(stats | trainer.step(step, step - 1, total_steps).metrics())
            if ppo.target_kl is not None and stats.get("policy/approx_kl", 0.0) > ppo.target_kl:
                break
        else:
            continue
        break
    means = {name: sum(row[name] for row in history) / len(history) for name in history[0]}
    explained = explained_variance(experience.values, experience.returns, experience.batch.mask)
    return means | {
        "value/explained_variance": explained.item(),
        "policy/optimiser_steps": float(len(history)),
        "time/update_s": time.perf_counter() - began,
    }


def minibatch_gradients(
    actors: Actors, experience: Experience, rows, ppo: PPOConfig, train_policy: bool
) -> dict[str, float]:
    """Accumulate the gradients of this process's share of a minibatch, in micro-batches.

    The shares' sum, which ``Trainer.step`` takes, and the returned statistics, which are of the whole minibatch, do not
    depend on the size of micro-batches nor on the number of processes.
    """
    # Rows of similar length share a micro-batch: less padding, same sums.
    lengths = (experience.batch.mask.sum(-1) + experience.batch.prompt_mask.sum(-1)).tolist()
    rows = sorted(rows, key=lambda i: lengths[i])
    num_tokens = int(experience.batch.mask[rows].sum())
    totals: dict[str, float] = {}
    mine = world().shard(rows)
    for start in range(0, len(mine), ppo.micro_batch_size):
        index = mine[start : start + ppo.micro_batch_size]
        batch = experience.batch.rows(index)
        width = batch.mask.shape[1]
        old_logprobs, advantages, old_values, returns = (
            tensor[index, :width]
            for tensor in (experience.logprobs, experience.advantages, experience.values, experience.returns)
        )
        if train_policy:
            with actors.shared.using(POLICY):
                logprobs = response_logprobs(actors.shared, batch, ppo.sampling.temperature)
                loss, policy = policy_loss(logprobs, old_logprobs, advantages, batch.mask, ppo.clip_range, num_tokens)
                loss.backward()
            _add(totals, "policy", policy)
        with actors.shared.using(VALUE):
            values = value_forward(actors.shared, actors.value_head, batch)
            loss, value = value_loss(values, old_values, returns, batch.mask, ppo.clip_range_value, num_tokens)
            (ppo.value_coefficient * loss).backward()
        _add(totals, "value", value)
    return world().all_reduce_sum(totals)


def _add(totals: dict[str, float], family: str, stats: PolicyStats | ValueStats) -> None:
    for field in fields(stats):
        value: torch.Tensor = getattr(stats, field.name)
        name = f"{family}/{field.name}"
        totals[name] = totals.get(name, 0.0) + value.item()
