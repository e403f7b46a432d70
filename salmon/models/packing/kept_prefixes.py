"""Keys and values of many prefixes, each computed once and kept, and the sequences that follow them.

A reward model's input has the response first and the guidelines last. So the keys and values of a response's part
serve every set of guidelines, also one that is written later; a set costs only its own tokens.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad
from transformers import DynamicCache

from salmon.models.base import SharedModel
from salmon.models.packing.forward import padded_rows, states_at_ends
from salmon.models.packing.layout import PackedRow, packed_row
from salmon.models.packing.mask import PREFIX, additive_mask
from salmon.models.packing.unpacked import unpacked_last_states

ROW_TOKENS = 128  # of a packed row behind its prefix: attention within a row costs the square of its length
PADDING = -2  # stands for a sequence id: of columns behind a shorter prefix, which nothing sees

Parted = tuple[tuple[int, ...], tuple[int, ...]]  # the tokens of a prefix and of what follows it, one of each at least
LayerCache = tuple[Float[Tensor, "H P C"], Float[Tensor, "H P C"]]  # keys and values of one layer


class KeptPrefixes:
    """Computes sequences in two parts; of the first parts it keeps the keys and values."""

    def __init__(self, shared: SharedModel, layers: int | None, keep: int) -> None:
        """Nothing is computed yet.

        Args:
            shared: the base. The adapter that is active in the first call must be active in later ones too.
            layers: run through the first so many layers only; None is all of them.
            keep: prefixes that are kept from one call to the next, those used last; more where one call needs more.
        """
        self._shared, self._layers, self._keep = shared, layers, keep
        self._kept: OrderedDict[tuple[int, ...], list[LayerCache]] = OrderedDict()
        self.num_tokens = 0  # that went through the model so far, padding apart

    def holds(self, prefix: tuple[int, ...]) -> bool:
        """Whether the prefix's keys and values are there."""
        return prefix in self._kept

    @torch.no_grad()
    def last_states(self, sequences: Sequence[Parted]) -> Float[Tensor, "N D"]:
        """Hidden states of the last tokens of N sequences; where the base cannot pack, nothing is kept or shared."""
        whole = [(*prefix, *rest) for prefix, rest in sequences]
        if not self._shared.can.pack:
            self.num_tokens += sum(map(len, whole))
            return unpacked_last_states(self._shared, whole, self._layers)
        members: dict[tuple[int, ...], list[int]] = {}
        for number, (prefix, _) in enumerate(sequences):
            members.setdefault(prefix, []).append(number)
        self._compute([prefix for prefix in members if prefix not in self._kept])
        for prefix in members:
            self._kept.move_to_end(prefix)
        while len(self._kept) > max(self._keep, len(members)):
            self._kept.popitem(last=False)
        parts = [(prefix, part) for prefix, places in members.items() for part in _parts(places, sequences)]
        rows = [packed_row(part, [whole[n] for n in part], len(prefix)) for prefix, part in parts]
        return self._behind([prefix for prefix, _ in parts], rows)

    def _compute(self, prefixes: Sequence[tuple[int, ...]]) -> None:
        """Keys and values of some prefixes, in one batch with padding on the right."""
        if not prefixes:
            return
        device, count = self._shared.device, len(prefixes)
        cache = DynamicCache()  # keeps every key, also where a layer sees a window: the mask says what is visible
        ids = padded_rows(prefixes, [self._shared.pad_id] * count, device)
        positions = padded_rows([range(len(prefix)) for prefix in prefixes], [0] * count, device)
        own = padded_rows([[PREFIX] * len(prefix) for prefix in prefixes], [PADDING] * count, device)
        mask = additive_mask([own], ids.shape[1], self._shared.model.dtype)
        self._shared.cached_forward(ids, mask, positions, cache, self._layers)
        self.num_tokens += sum(map(len, prefixes))
        for row, prefix in enumerate(prefixes):
            self._kept[prefix] = [
                (keys[row, :, : len(prefix)].clone(), values[row, :, : len(prefix)].clone())
                for keys, values in _keys_and_values(cache)
            ]

    def _behind(self, prefixes: Sequence[tuple[int, ...]], rows: Sequence[PackedRow]) -> Float[Tensor, "N D"]:
        """Last states of what follows the prefixes; a prefix has as many rows as what follows it takes."""
        device, width = self._shared.device, max(map(len, prefixes))
        starts = [len(prefix) for prefix in prefixes]
        ids = padded_rows(_behind_each(starts, [r.ids for r in rows]), [self._shared.pad_id] * len(rows), device)
        positions = padded_rows(_behind_each(starts, [r.positions for r in rows]), [0] * len(rows), device)
        owners = [
            [PREFIX] * start + [PADDING] * (width - start) + row.sequence_ids[start:]
            for start, row in zip(starts, rows, strict=True)
        ]
        # Padding behind a row's last sequence is a sequence of its own.
        sequence_ids = padded_rows(owners, [len(row.members) for row in rows], device)
        mask = additive_mask([sequence_ids], ids.shape[1], self._shared.model.dtype)
        hidden = self._shared.cached_forward(ids, mask, positions, self._together(prefixes, width), self._layers)
        self.num_tokens += sum(len(row.ids) - start for start, row in zip(starts, rows, strict=True))
        return states_at_ends(hidden, rows, starts)

    def _together(self, prefixes: Sequence[tuple[int, ...]], width: int) -> DynamicCache:
        """A cache with a row for each prefix, as wide as the longest."""
        cache = DynamicCache()
        for number, layer in enumerate(zip(*(self._kept[prefix] for prefix in prefixes), strict=True)):
            keys, values = (
                torch.stack([pad(part[which], (0, 0, 0, width - part[which].shape[1])) for part in layer])
                for which in (0, 1)
            )
            cache.update(keys, values, number)
        return cache


def _keys_and_values(cache: DynamicCache) -> list[tuple[Tensor, Tensor]]:
    """Of each layer, [B, heads, T, D]; a filled cache of attention layers has them in all."""
    return [(layer.keys, layer.values) for layer in cache.layers]  # type: ignore[union-attr,misc]


def _parts(places: Sequence[int], sequences: Sequence[Parted]) -> list[list[int]]:
    """The sequences of one prefix in parts of up to ``ROW_TOKENS`` tokens behind it; a longer one is a part alone."""
    parts: list[list[int]] = []
    room = 0
    for place in places:
        length = len(sequences[place][1])
        if not parts or length > room:
            parts.append([])
            room = ROW_TOKENS
        parts[-1].append(place)
        room -= length
    return parts


def _behind_each(starts: Sequence[int], rows: Sequence[Sequence[int]]) -> list[Sequence[int]]:
    """Of each row what follows its prefix."""
    return [row[start:] for start, row in zip(starts, rows, strict=True)]
