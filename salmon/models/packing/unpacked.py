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
    width, pad = max(map(len, sequences)), shared.pad_id
    ids = torch.tensor([[*row, *[pad] * (width - len(row))] for row in sequences], device=shared.device)
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in sequences], device=shared.device)
    hidden = shared.hidden_states(ids, mask, layers)  # [N, L, D]
    return [states[: len(row)] for states, row in zip(hidden, sequences, strict=True)]


def unpacked_last_states(
    shared: SharedModel, sequences: Sequence[Sequence[int]], layers: int | None = None
) -> Float[Tensor, "N D"]:
    """Last hidden states of the last tokens of N sequences; arguments as for ``unpacked_hidden_states``."""
    return torch.stack([states[-1] for states in unpacked_hidden_states(shared, sequences, layers)])


class UnpackedPrefix:
    """A prefix, computed once where the base keeps a cache, and single sequences that follow it."""

    @torch.no_grad()
    def __init__(self, shared: SharedModel, prefix: Sequence[int]) -> None:
        """Compute the prefix [P], which may be empty, under the adapter that must be active in later calls too."""
        self._shared, self._prefix = shared, list(prefix)
        self._cache = shared.new_cache() if shared.can.chunk and prefix else None
        if self._cache is not None:
            self._after(self._prefix, 0, self._cache)

    @torch.no_grad()
    def hidden_states(self, ids: Sequence[int]) -> Float[Tensor, "L D"]:
        """Last hidden states of L tokens that follow the prefix."""
        if self._cache is None:
            return unpacked_hidden_states(self._shared, [[*self._prefix, *ids]])[0][len(self._prefix) :]
        return self._after(ids, len(self._prefix), copy.deepcopy(self._cache))

    def _after(self, ids: Sequence[int], start: int, cache: DynamicCache) -> Float[Tensor, "L D"]:
        tokens = torch.tensor([list(ids)], device=self._shared.device)
        position_ids = torch.arange(start, start + len(ids), device=self._shared.device)[None]
        return self._shared.cached_forward(tokens, tokens.new_ones(1, start + len(ids)), position_ids, cache)[0]
