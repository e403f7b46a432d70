"""Forward passes over a rollout: micro-batches of similar length, divided among the job's processes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.ppo import PPOConfig
from salmon.config.training import MicroBatchSize
from salmon.distributed.world import RowShard, world
from salmon.models.base import SharedModel
from salmon.models.forward import TokenBatch, logprobs_and_entropy, response_logprobs, value_forward
from salmon.ppo.models import POLICY, REFERENCE, VALUE, PPOModels
from salmon.runtime.micro_batches import micro_batches


@dataclass(frozen=True)
class ModelOutputs:
    """What the models say of each sampled token; 0 at padding."""

    logprobs: Float[Tensor, "B R"]  # of the policy that sampled, recomputed by the trainer
    entropies: Float[Tensor, "B R"]  # of that policy, in nats
    reference_logprobs: Float[Tensor, "B R"]
    values: Float[Tensor, "B R"] | None  # of the state before the token; None: there is no value model


def model_outputs(models: PPOModels, batch: TokenBatch, ppo: PPOConfig) -> ModelOutputs:
    """Log-probs of policy and reference, and values, on exactly the sampled tokens; without gradient."""
    shared, size, temperature = models.shared, ppo.micro_batch_size, ppo.sampling.temperature
    value_head = models.value_head
    logprobs, entropies = by_row(
        shared, batch, POLICY, size, lambda rows: logprobs_and_entropy(shared, rows, temperature)
    )
    reference_logprobs = policy_logprobs(shared, batch, REFERENCE, ppo)
    if value_head is None:
        return ModelOutputs(logprobs, entropies, reference_logprobs, None)
    (values,) = by_row(shared, batch, VALUE, size, lambda rows: (value_forward(shared, value_head, rows),))
    return ModelOutputs(logprobs, entropies, reference_logprobs, values)


def policy_logprobs(shared: SharedModel, batch: TokenBatch, adapter: str, ppo: PPOConfig) -> Float[Tensor, "B R"]:
    """Log-probs of a rollout's tokens under the policy or the reference, without gradient."""
    temperature = ppo.sampling.temperature
    return by_row(
        shared, batch, adapter, ppo.micro_batch_size, lambda rows: (response_logprobs(shared, rows, temperature),)
    )[0]


def by_row(
    shared: SharedModel,
    batch: TokenBatch,
    adapter: str,
    size: MicroBatchSize,
    compute: Callable[[TokenBatch], tuple[Tensor, ...]],
) -> tuple[Float[Tensor, "B R"], ...]:
    """``compute`` under one adapter over a rollout; every process gets all rows.

    Args:
        shared: the model.
        batch: the rollout's tokens.
        adapter: name of the adapter.
        size: of a micro-batch.
        compute: from some rows to one or more tensors ``[b, r]``.
    """
    with shared.using(adapter):
        pieces = sharded_micro_batches(shared, batch.lengths, size, lambda rows: compute(batch.rows(rows)))
    results = tuple(torch.zeros_like(batch.mask) for _ in pieces[0][1])
    for index, parts in pieces:
        for result, part in zip(results, parts, strict=True):
            result[index, : part.shape[1]] = part.to(result)
    return results


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
