"""Forward passes over a rollout: micro-batches of similar length, divided among the job's processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.ppo import PPOConfig
from salmon.config.training import MicroBatchSize
from salmon.distributed.world import RowShard, world
from salmon.models.base import SharedModel
from salmon.models.forward import (
    TokenBatch,
    read_logprobs,
    read_logprobs_and_entropy,
    read_values,
    response_logprobs,
    response_states,
)
from salmon.ppo.models import POLICY, REFERENCE, VALUE, PPOModels
from salmon.runtime.micro_batches import micro_batches


@dataclass(frozen=True)
class ModelOutputs:
    """What the models say of each sampled token; 0 at padding."""

    logprobs: Float[Tensor, "B R"]  # of the policy that sampled
    entropies: Float[Tensor, "B R"] | None  # of that policy, in nats; None: ``logprobs`` are those its sampler kept
    reference_logprobs: Float[Tensor, "B R"]
    values: Float[Tensor, "B R"] | None  # of the state before the token; None: there is no value model


Read = Callable[[Float[Tensor, "N D"], TokenBatch], tuple[Float[Tensor, "B R"], ...]]  # states before N real tokens


def model_outputs(
    models: PPOModels, batch: TokenBatch, ppo: PPOConfig, kept: Float[Tensor, "B R"] | None = None
) -> ModelOutputs:
    """Log-probs of policy and reference, and values, on exactly the sampled tokens; without gradient.

    Args:
        models: policy, reference, and value model (if any).
        batch: the rollout's tokens.
        ppo: settings.
        kept: the policy's log-probs where its sampler kept them; the policy then reads nothing.
    """
    shared, temperature, value_head = models.shared, ppo.sampling.temperature, models.value_head
    reads: dict[str, Read] = {}
    if kept is None:
        reads[POLICY] = lambda states, rows: read_logprobs_and_entropy(shared, states, rows, temperature)
    reads[REFERENCE] = lambda states, rows: (read_logprobs(shared, states, rows, temperature),)
    if value_head is not None:
        reads[VALUE] = lambda states, rows: (read_values(value_head, states, rows),)

    def read(roles: Sequence[str], rows: TokenBatch) -> tuple[Tensor, ...]:
        parts = response_states(shared, rows, models.layers(roles[0]), len(roles))
        return tuple(found for role, states in zip(roles, parts, strict=True) for found in reads[role](states, rows))

    found: list[Tensor] = []
    for roles in models.passes(list(reads), ppo.one_pass):
        found += by_row(shared, batch, roles, ppo.micro_batch_size, partial(read, roles))
    logprobs, entropies, others = (found[0], found[1], found[2:]) if kept is None else (kept, None, found)
    reference_logprobs, *values = others
    return ModelOutputs(logprobs, entropies, reference_logprobs, values[0] if values else None)


def policy_logprobs(shared: SharedModel, batch: TokenBatch, adapter: str, ppo: PPOConfig) -> Float[Tensor, "B R"]:
    """Log-probs of a rollout's tokens under the policy or the reference, without gradient."""
    temperature = ppo.sampling.temperature
    return by_row(
        shared, batch, [adapter], ppo.micro_batch_size, lambda rows: (response_logprobs(shared, rows, temperature),)
    )[0]


def by_row(
    shared: SharedModel,
    batch: TokenBatch,
    adapters: Sequence[str],
    size: MicroBatchSize,
    compute: Callable[[TokenBatch], tuple[Tensor, ...]],
) -> tuple[Float[Tensor, "B R"], ...]:
    """``compute`` under one adapter, or several together, over a rollout; every process gets all rows.

    Args:
        shared: the model.
        batch: the rollout's tokens.
        adapters: names of the adapters, as for ``SharedModel.using_together``.
        size: of a micro-batch.
        compute: from some rows to one or more tensors ``[b, r]``.
    """
    lengths = tokens_read(batch, adapters)
    with shared.using_together(adapters):
        pieces = sharded_micro_batches(shared, lengths, size, lambda rows: compute(batch.rows(rows)))
    results = tuple(torch.zeros_like(batch.mask) for _ in pieces[0][1])
    for index, parts in pieces:
        for result, part in zip(results, parts, strict=True):
            result[index, : part.shape[1]] = part.to(result)
    return results


def tokens_read(batch: TokenBatch, roles: Sequence[str]) -> list[int]:
    """Tokens that go through the base for each row, which each of the roles reads."""
    return [len(roles) * length for length in batch.lengths]


@torch.no_grad()
def sharded_micro_batches(
    shared: SharedModel,
    lengths: Sequence[int],
    size: MicroBatchSize,
    compute: Callable[[Sequence[int]], tuple[Tensor, ...]],
) -> list[RowShard]:
    """``compute`` of all rows, a micro-batch at a time; each process computes some, and all get the results of all.

    Args:
        shared: the model.
        lengths: tokens of each row.
        size: of a micro-batch.
        compute: from the numbers of some rows to tensors of these rows.
    """
    own = own_micro_batches(range(len(lengths)), lengths, size, shared.tokens_at_once)
    return world().all_gather_rows([(rows, compute(rows)) for rows in own])


def own_micro_batches(
    rows: Sequence[int], lengths: Sequence[int], size: MicroBatchSize, tokens: int
) -> list[list[int]]:
    """This process's share of some rows, in micro-batches of rows of similar length.

    Args:
        rows: their numbers.
        lengths: tokens of every row, by its number.
        size: of a micro-batch.
        tokens: of a micro-batch where ``size`` is auto.
    """
    own = world().shard(sorted(rows, key=lambda row: lengths[row]))
    places = micro_batches([lengths[row] for row in own], size, tokens)
    return [[own[place] for place in part] for part in places]
