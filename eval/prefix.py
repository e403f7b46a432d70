"""Tokens that many sequences begin with, computed once."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel


class CachedPrefix:
    """Keys and values of a prefix (it may be empty) under the adapter that is active when it is made.

    Unlike ``salmon.models.shared_prefix`` it gives the hidden states of all tokens after the prefix, not of
    the last one, and works in batches of rows, of any number and length.
    """

    @torch.no_grad()
    def __init__(self, shared: SharedModel, prefix: Sequence[int]) -> None:
        self._decoder, self._device = shared.model.get_decoder(), shared.device
        self._pad = shared.tokenizer.pad_token_id
        self._cache = DynamicCache(config=shared.model.config)
        self._empty = not prefix
        if prefix:
            self._forward(torch.tensor([list(prefix)], device=self._device), self._cache)

    @torch.no_grad()
    def hidden_states(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """Last hidden states [B, L, D] of B rows that continue the prefix (at padding they mean nothing)."""
        width = max(map(len, rows))
        # Padding is on the right, where no real token attends to it.
        ids = torch.tensor([[*row, *[self._pad] * (width - len(row))] for row in rows], device=self._device)
        cache = copy.deepcopy(self._cache)
        if not self._empty:
            cache.batch_repeat_interleave(len(rows))
        return self._forward(ids, cache)

    def _forward(self, ids: Tensor, cache: DynamicCache) -> Tensor:
        return self._decoder(input_ids=ids, past_key_values=cache, use_cache=True).last_hidden_state
