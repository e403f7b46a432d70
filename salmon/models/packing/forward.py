"""Last hidden states of many sequences, each common prefix computed once."""

from collections.abc import Sequence
from math import ceil

import torch
from jaxtyping import Float, Int
from torch import Tensor

from salmon.models.base import SharedModel
from salmon.models.packing.cached_prefix import GrowingSequences
from salmon.models.packing.layout import PackedRow, common_prefix_length, pack_by_prefix
from salmon.models.packing.mask import additive_mask
from salmon.models.packing.unpacked import unpacked_last_states

# Rows are padded to multiples of it. oneDNN compiles, and keeps, code for each shape that it multiplies in bf16.
WIDTHS = 16


def last_states(
    shared: SharedModel, sequences: Sequence[Sequence[int]], layers: int | None = None
) -> Float[Tensor, "N D"]:
    """Hidden state of each sequence's last token, with gradient: packed where the base can do it.

    Arguments as for ``packed_last_states``.
    """
    way = packed_last_states if shared.can.pack else unpacked_last_states
    return way(shared, sequences, layers)


def packed_last_states(
    shared: SharedModel, sequences: Sequence[Sequence[int]], layers: int | None
) -> Float[Tensor, "N D"]:
    """Hidden state of each sequence's last token under the active adapter, with gradient.

    Sequences that share most of their tokens are packed into one row of a batch. The reward model's input has the
    response first and the guidelines last, so one response under many sets of guidelines is one row.

    Args:
        sequences: token ids of N sequences.
        layers: run through the first so many layers only; None is all of them.

    Returns:
        The states, in the order of ``sequences``.
    """
    device = shared.device
    rows = pack_by_prefix(sequences)
    ids = padded_rows([row.ids for row in rows], [shared.pad_id] * len(rows), device, WIDTHS)
    position_ids = padded_rows([row.positions for row in rows], [0] * len(rows), device, WIDTHS)
    # Padding is a sequence of its own: it sees the prefix and itself, and nothing sees it.
    sequence_ids = padded_rows([row.sequence_ids for row in rows], [len(row.members) for row in rows], device, WIDTHS)
    mask = additive_mask([sequence_ids], ids.shape[1], shared.model.dtype)
    hidden = shared.decoder_forward(ids, mask, position_ids, layers)  # [rows, T, D]
    return states_at_ends(hidden, rows, [0] * len(rows))


def states_at_ends(
    hidden: Float[Tensor, "rows T D"], rows: Sequence[PackedRow], starts: Sequence[int]
) -> Float[Tensor, "N D"]:
    """Hidden state of the last token of each packed sequence, in the caller's order.

    Args:
        hidden: of the columns of the rows.
        starts: which column of each row is the first in ``hidden``.
    """
    device = hidden.device
    row_of = torch.tensor([number for number, row in enumerate(rows) for _ in row.ends], device=device)
    ends = torch.tensor([e - start for start, row in zip(starts, rows, strict=True) for e in row.ends], device=device)
    members = torch.tensor([member for row in rows for member in row.members], device=device)
    return hidden[row_of, ends][members.argsort()]


@torch.no_grad()
def last_states_after_prefix(shared: SharedModel, sequences: Sequence[Sequence[int]]) -> Float[Tensor, "N D"]:
    """Hidden states of the last tokens of N sequences, packed behind what all share where it can be; no gradient."""
    if not shared.can.pack:
        return unpacked_last_states(shared, sequences)
    length = common_prefix_length(sequences)
    packed = GrowingSequences(shared, sequences[0][:length])
    return packed.extend({number: ids[length:] for number, ids in enumerate(sequences)})


@torch.no_grad()
def next_token_logits(
    shared: SharedModel, sequences: Sequence[Sequence[int]], candidates: Sequence[int]
) -> Float[Tensor, "N C"]:
    """Raw logits of C candidate next tokens after N sequences; what they share is computed once.

    Only differences between candidates mean something (differences of log-probs).
    """
    hidden = last_states_after_prefix(shared, sequences)
    return shared.head(hidden).float()[:, list(candidates)]


def padded_rows(
    rows: Sequence[Sequence[int]], fills: Sequence[int], device: torch.device, multiple: int = 1
) -> Int[Tensor, "B T"]:
    """Rows, each padded on the right with its own number, up to a multiple of ``multiple``."""
    width = ceil(max(map(len, rows)) / multiple) * multiple
    return torch.tensor(
        [[*row, *[fill] * (width - len(row))] for row, fill in zip(rows, fills, strict=True)], device=device
    )
