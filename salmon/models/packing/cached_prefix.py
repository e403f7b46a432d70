"""Keys and values of a prefix, computed once, and sequences that grow behind them.

Copying a prefix's keys and values for every sequence costs memory and, on each decoding step, bandwidth: 64 sequences
after a 2,816-token prefix (the paper's Self-Align prompt) would hold 59 GB on Llama-2-70b. Packed sequences share one
copy of the prefix.
"""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel, positions
from salmon.models.packing.mask import PREFIX, additive_mask


@torch.no_grad()
def cache_prefix(shared: SharedModel, prefix: Sequence[int]) -> DynamicCache:
    """Keys and values of a prefix [P], which may be empty, under the active adapter."""
    cache = DynamicCache()  # keeps every key, also where a layer sees a window: the mask says what is visible
    if prefix:
        ids = torch.tensor([list(prefix)], device=shared.device)
        mask = torch.ones_like(ids)
        shared.cached_forward(ids, mask, positions(mask), cache)
    return cache


class GrowingSequences:
    """Packed sequences behind a cached prefix; each grows when it is given tokens, and sees none of the others."""

    def __init__(self, shared: SharedModel, prefix: Sequence[int]) -> None:
        """Compute the prefix [P], which may be empty, under the active adapter."""
        self._shared = shared
        self._cache = cache_prefix(shared, prefix)
        # Of the tokens in the cache.
        self._sequence_ids: Int[Tensor, "1 T"] = torch.full(
            (1, len(prefix)), PREFIX, dtype=torch.long, device=shared.device
        )
        self._prefix_length = len(prefix)
        self._lengths: dict[int, int] = {}  # tokens of each sequence so far, the prefix included

    @torch.no_grad()
    def extend(self, suffixes: Mapping[int, Sequence[int]]) -> Float[Tensor, "N D"]:
        """Append tokens to some sequences.

        Args:
            suffixes: by sequence id (0 or more) the tokens, at least one, that it goes on with.

        Returns:
            The last hidden state of each of these N sequences, in the order of ``suffixes``.
        """
        device = self._shared.device
        ids = [token for tokens in suffixes.values() for token in tokens]
        sequence_ids = [sequence for sequence, tokens in suffixes.items() for _ in tokens]
        position_ids: list[int] = []
        for sequence, tokens in suffixes.items():
            start = self._lengths.get(sequence, self._prefix_length)
            self._lengths[sequence] = start + len(tokens)
            position_ids += range(start, start + len(tokens))
        self._sequence_ids = torch.cat([self._sequence_ids, torch.tensor([sequence_ids], device=device)], dim=-1)
        hidden = self._shared.cached_forward(
            torch.tensor([ids], device=device),
            additive_mask([self._sequence_ids], len(ids), self._shared.model.dtype),
            torch.tensor([position_ids], device=device),
            self._cache,
        )[0]
        ends = torch.tensor([len(tokens) for tokens in suffixes.values()], device=device).cumsum(0) - 1
        return hidden[ends]
