"""Sequences as one row of tokens without padding, in which what several of them begin with stands once.

Three sequences, two of which begin with ``p p``::

    sequences  p p a a | p p b | q
    tokens     p p a a b q
    positions  0 1 2 3 2 0
    paths      0 1 2 3 | 0 1 4 | 5

A layer computes projections, norms and its MLP token by token, so on these tokens. Its attention alone sees sequences:
queries, keys and values are taken along each path, padded on the right, where causal attention needs no mask, and each
token's result is taken from one of its paths. Hidden states are those of each sequence alone, and the gradient of a
token that several sequences share is the sum of theirs, up to rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward


@dataclass(frozen=True)
class FlatSequences:
    """The tokens of N sequences."""

    ids: list[int]  # [T]
    positions: list[int]  # [T] of each token in its sequences
    paths: list[list[int]]  # of each sequence the places of its tokens


def flatten(sequences: Sequence[Sequence[int]]) -> FlatSequences:
    """Put sequences into one row; a token stands once for all sequences that are alike up to it."""
    flat, known = FlatSequences([], [], []), dict[tuple[int, int], int]()
    for sequence in sequences:
        path: list[int] = []
        for position, token in enumerate(sequence):
            place = known.setdefault((path[-1] if path else -1, token), len(flat.ids))
            if place == len(flat.ids):
                flat.ids.append(token)
                flat.positions.append(position)
            path.append(place)
        flat.paths.append(path)
    return flat


@dataclass(frozen=True)
class Paths:
    """The paths of N sequences of at most L tokens through T tokens, for attention.

    S copies of the T tokens have the paths of M = S N sequences.
    """

    places: Int[Tensor, "N L"]  # of each sequence's tokens; padded on the right with any token
    found_at: Int[Tensor, " T"]  # where each token stands in ``places`` as one row

    @classmethod
    def of(cls, flat: FlatSequences, device: torch.device) -> "Paths":
        """The paths of flat sequences."""
        width = max(map(len, flat.paths))
        found_at = [0] * len(flat.ids)
        for row, path in enumerate(flat.paths):
            for position, place in enumerate(path):
                found_at[place] = row * width + position
        places = [[*path, *[0] * (width - len(path))] for path in flat.paths]
        return cls(torch.tensor(places, device=device), torch.tensor(found_at, device=device))

    def along(self, states: Float[Tensor, "S H T d"]) -> Float[Tensor, "M H L d"]:
        """What each sequence's tokens have."""
        rows = states.transpose(1, 2).index_select(1, self.places.flatten())
        return rows.unflatten(1, self.places.shape).flatten(0, 1).transpose(1, 2)

    def back(self, rows: Float[Tensor, "M L H d"]) -> Float[Tensor, "S T H d"]:
        """What each token has found in one of its sequences."""
        return rows.unflatten(0, (-1, len(self.places))).flatten(1, 2).index_select(1, self.found_at)


def attention(
    module: nn.Module,
    query: Float[Tensor, "B H L d"],
    key: Float[Tensor, "B K T d"],
    value: Float[Tensor, "B K T v"],
    attention_mask: Tensor | None,
    paths: Paths | None = None,
    **settings: Any,
) -> tuple[Float[Tensor, "B L H v"], None]:
    """transformers' ``sdpa`` attention; where there are ``paths``, along them."""
    if paths is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **settings)
    query, key, value = (paths.along(states) for states in (query, key, value))
    return paths.back(sdpa_attention_forward(module, query, key, value, None, **settings)[0]), None


# Under the name that is there: masks and caches of transformers go by it.
AttentionInterface.register("sdpa", attention)


def unused_mask(device: torch.device, dtype: torch.dtype) -> Float[Tensor, "1 1 1 1"]:
    """Given to a decoder beside ``paths``, so that it makes no mask of its own."""
    return torch.zeros(1, 1, 1, 1, device=device, dtype=dtype)
