"""One adapter's pass over prompts and responses, in one call."""

import torch
from torch import Tensor

from salmon.models.base import SharedModel
from salmon.models.forward import TokenBatch, read_logprobs_and_entropy, read_values, response_states
from salmon.models.heads import ScalarHead


@torch.no_grad()
def logprobs_and_entropy(shared: SharedModel, batch: TokenBatch, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probs and entropies [B, R] under the active adapter."""
    (states,) = response_states(shared, batch)
    return read_logprobs_and_entropy(shared, states, batch, temperature)


def value_forward(shared: SharedModel, head: ScalarHead, batch: TokenBatch) -> Tensor:
    """Values [B, R] under the active adapter."""
    (states,) = response_states(shared, batch, head.layers)
    return read_values(head, states, batch)
