"""Many sequences with one beginning, computed as one packed sequence.

Copying a prefix's keys and values for every row costs memory and, on each decoding step, bandwidth: 64 rows after a
2,816-token prefix (the paper's Self-Align prompt) would hold 59 GB on Llama-2-70b. Here the rows stand one after the
other behind a single copy of the prefix, and a mask keeps them apart.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel, positions


class SharedPrefix:
    """Cached keys and values of a prefix [P] and of the rows that continue it, each blind to the others."""

    @torch.no_grad()
    def __init__(self, shared: SharedModel, prefix: Sequence[int]) -> None:
        """Compute the prefix once under the active adapter; it may be empty."""
        self._shared = shared
        self._cache = DynamicCache(config=shared.model.config)
        self._prefix_length = len(prefix)
        self._owner = torch.empty(0, dtype=torch.long, device=shared.device)  # [T] row of each packed token
        self._lengths: dict[int, int] = {}  # tokens of each row so far, without the prefix
        if prefix:
            ids = torch.tensor([list(prefix)], device=shared.device)
            mask = torch.ones_like(ids)
            shared.model.get_decoder()(
                input_ids=ids,
                attention_mask=mask,
                position_ids=positions(mask),
                past_key_values=self._cache,
                use_cache=True,
            )

    @torch.no_grad()
    def extend(self, rows: Mapping[int, Sequence[int]]) -> Tensor:
        """Append tokens (at least one) to some rows; returns each row's last hidden state [len(rows), D]."""
        device = self._shared.device
        tokens = [token for ids in rows.values() for token in ids]
        owner = torch.tensor([row for row, ids in rows.items() for _ in ids], device=device)
        position = [
            self._prefix_length + self._lengths.get(row, 0) + i for row, ids in rows.items() for i in range(len(ids))
        ]
        for row, ids in rows.items():
            self._lengths[row] = self._lengths.get(row, 0) + len(ids)
        self._owner = torch.cat([self._owner, owner])
        hidden = self._shared.model.get_decoder()(
            input_ids=torch.tensor([tokens], device=device),
            attention_mask=self._mask(owner),
            position_ids=torch.tensor([position], device=device),
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state[0]
        ends = torch.tensor([len(ids) for ids in rows.values()], device=device).cumsum(0) - 1
        return hidden[ends]

    def _mask(self, owner: Tensor) -> Tensor:
        """Additive mask [1, 1, n, P + T] for the n newest tokens: the prefix, and earlier tokens of the same row."""
        total, new = len(self._owner), len(owner)
        order = torch.arange(total, device=owner.device)
        visible = (self._owner[None] == owner[:, None]) & (order[None] <= order[total - new :, None])
        prefix = torch.ones(new, self._prefix_length, dtype=torch.bool, device=owner.device)
        allowed = torch.cat([prefix, visible], dim=-1)
        mask = torch.zeros(allowed.shape, dtype=self._shared.model.dtype, device=owner.device)
        return mask.masked_fill(~allowed, torch.finfo(mask.dtype).min)[None, None]


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """Length of the beginning that all sequences share, at least one token short of each."""
    limit = min(map(len, sequences)) - 1
    for position in range(limit):
        if len({sequence[position] for sequence in sequences}) > 1:
            return position
    return limit


@torch.no_grad()
def next_token_logits(shared: SharedModel, sequences: Sequence[Sequence[int]], candidates: Sequence[int]) -> Tensor:
    """Raw logits [N, C] of C candidate next tokens after N sequences; what they share is computed once.

    Only differences between candidates mean something (differences of log-probs).
    """
    length = common_prefix(sequences)
    hidden = SharedPrefix(shared, sequences[0][:length]).extend({n: ids[length:] for n, ids in enumerate(sequences)})
    return shared.model.get_output_embeddings()(hidden).float()[:, list(candidates)]
