"""Scores of many inputs that begin alike, each beginning computed once, with gradient.

The reward model's input has the response first and the guidelines last, so one response under K sets of guidelines is
K branches of one stem. They stand one after the other in one row, and a mask keeps them apart: what each branch's
last token sees is exactly what it would see alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from salmon.models.base import SharedModel
from salmon.models.shared_prefix import common_prefix


@dataclass(frozen=True)
class Stem:
    """Inputs with one beginning, packed: the beginning, then each input's rest."""

    members: list[int]  # places of the inputs, in the caller's order
    ids: list[int]  # [L]
    positions: list[int]  # [L] each token's position in its own input
    owners: list[int]  # [L] branch of each token; -1 = the beginning, which all branches see
    ends: list[int]  # last token of each branch, in the order of ``members``


def pack(inputs: Sequence[Sequence[int]]) -> list[Stem]:
    """Group inputs that share more than half of their tokens from the start.

    Neighbours in lexicographic order share the longest beginnings, so one pass over the sorted inputs suffices.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(inputs)), key=lambda i: list(inputs[i])):
        leader = inputs[groups[-1][0]] if groups else ()
        if leader and 2 * common_prefix([leader, inputs[index]]) > max(len(leader), len(inputs[index])):
            groups[-1].append(index)
        else:
            groups.append([index])
    return [_stem(group, [list(inputs[i]) for i in group]) for group in groups]


def _stem(members: list[int], inputs: list[list[int]]) -> Stem:
    start = common_prefix(inputs)
    ids, positions, owners, ends = inputs[0][:start], list(range(start)), [-1] * start, []
    for branch, tokens in enumerate(inputs):
        ids += tokens[start:]
        positions += range(start, len(tokens))
        owners += [branch] * (len(tokens) - start)
        ends.append(len(ids) - 1)
    return Stem(members, ids, positions, owners, ends)


def last_states(shared: SharedModel, inputs: Sequence[Sequence[int]], layers: int | None) -> Tensor:
    """Hidden state [B, D] of each input's last token under the active adapter."""
    stems, device = pack(inputs), shared.device
    width = max(len(stem.ids) for stem in stems)
    pad = shared.tokenizer.pad_token_id
    ids = torch.tensor([s.ids + [pad] * (width - len(s.ids)) for s in stems], device=device)
    position = torch.tensor([s.positions + [0] * (width - len(s.ids)) for s in stems], device=device)
    # Padding is a branch of its own: it sees the beginning and itself, and nothing sees it.
    owner = torch.tensor([s.owners + [len(s.members)] * (width - len(s.ids)) for s in stems], device=device)
    causal = torch.ones(width, width, dtype=torch.bool, device=device).tril()
    allowed = causal & ((owner[:, None, :] == -1) | (owner[:, None, :] == owner[:, :, None]))  # [S, L, L]
    mask = torch.zeros(allowed.shape, dtype=shared.model.dtype, device=device)
    mask = mask.masked_fill(~allowed, torch.finfo(mask.dtype).min)[:, None]
    hidden = shared.decode(ids, mask, position, layers)
    rows = torch.tensor([row for row, stem in enumerate(stems) for _ in stem.ends], device=device)
    ends = torch.tensor([end for stem in stems for end in stem.ends], device=device)
    members = torch.tensor([member for stem in stems for member in stem.members], device=device)
    return hidden[rows, ends][members.argsort()]
