"""From the sequences that tokens belong to, to the additive mask that keeps packed sequences apart."""

from collections.abc import Sequence
from functools import reduce

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

PREFIX = -1  # stands for a sequence id: the token belongs to all sequences


def additive_mask(
    levels: Sequence[Int[Tensor, "B T"]], num_queries: int, dtype: torch.dtype
) -> Float[Tensor, "B 1 Q T"]:
    """Additive attention mask of packed sequences.

    A token attends to itself, and to every earlier token that at each level is of its own sequence or of the prefix.

    Args:
        levels: sequence ids, ``PREFIX`` among them, once for each level at which sequences branch; one level
            unless sequences share parts beyond the prefix.
        num_queries: Q, how many of the T tokens ask: the last ones. The keys of the others are cached.
        dtype: that of the model.

    Returns:
        0 where a token attends, the lowest number of ``dtype`` elsewhere.
    """
    num_cached = levels[0].shape[-1] - num_queries
    visible = reduce(torch.logical_and, (_visible(ids, num_cached) for ids in levels)).tril(num_cached)
    mask = torch.zeros(visible.shape, dtype=dtype, device=visible.device)
    return mask.masked_fill(~visible, torch.finfo(dtype).min)[:, None]


def _visible(sequence_ids: Int[Tensor, "B T"], num_cached: int) -> Bool[Tensor, "B Q T"]:
    """Whether a key is of the prefix or of the query's sequence, wherever it stands."""
    keys, queries = sequence_ids[:, None, :], sequence_ids[:, num_cached:, None]
    return (keys == PREFIX) | (keys == queries)
