"""The same hidden states without packing: with the attention mask that the model makes itself.

This holds for every model, also for one whose attention is limited to a window, which a packed row's mask cannot say.
"""

import copy
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel


def unpacked_hidden_states(
    shared: SharedModel, sequences: Sequence[Sequence[int]], layers: int | None = None
) -> list[Float[Tensor, "_ D"]]:
    """Last hidden states [L, D] of each sequence under the active adapter, with gradient.

    Args:
        sequences: token ids; each sequence is a row of its own, padded on the right.
        layers: run through the first so many layers only; None is all of them.
    """
    width, pad = max(map(len, sequences)), shared.tokenizer.pad_token_id
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in sequences], device=shared.device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in sequences], device=shared.device)
    hidden = shared.hidden_states(ids, mask, layers)  # [N, L, D]
    return [states[: len(row)] for states, row in zip(hidden, sequences, strict=True)]


def unpacked_last_states(
    shared: SharedModel, sequences: Sequence[Sequence[int]], layers: int | None = None
) -> Float[Tensor, "N D"]:
    """Last hidden states of the last tokens of N sequences; arguments as for ``unpacked_hidden_states``."""
    return torch.stack([states[-1] for states in unpacked_hidden_states(shared, sequences, layers)])


@torch.no_grad()
def unpacked_hidden_states_after(shared: SharedModel, cache: DynamicCache, ids: Sequence[int]) -> Float[Tensor, "L D"]:
    """Last hidden states of one sequence that follows a cached prefix; the cache stays as it is."""
    tokens = torch.tensor([list(ids)], device=shared.device)
    length = cache.get_seq_length()
    mask = tokens.new_ones(1, length + len(ids))
    position_ids = torch.arange(length, length + len(ids), device=shared.device)[None]
    return shared.cached_forward(tokens, mask, position_ids, copy.deepcopy(cache))[0]
