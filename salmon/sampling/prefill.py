"""What all prompts of a batch begin with is read once: the system prompt and the template's beginning of a turn.

Those are a third of a short prompt's tokens, or a half.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel
from salmon.models.packing.cached_prefix import cache_prefix
from salmon.models.packing.layout import common_prefix_length

MIN_SAVED = 128  # tokens that are not read again, from which on a pass of its own pays


def started(
    shared: SharedModel, prompts: Sequence[Sequence[int]]
) -> tuple[Int[Tensor, "B n"], Int[Tensor, "B L"], DynamicCache]:
    """A batch whose common beginning, if there is one, has been read.

    Returns:
        The n tokens of each prompt that are not in the cache yet, padded on the left; the mask of all L tokens, 1 = a
        real one; the cache of the first L - n, a row for each prompt.
    """
    rows, device, pad = len(prompts), shared.device, shared.pad_id
    common = common_prefix_length(prompts)
    # Padding lies between the beginning and the rest: only a base that takes any mask reads past it.
    if not shared.can.pack or (rows - 1) * common < MIN_SAVED:
        common = 0
    cache = cache_prefix(shared, prompts[0][:common]) if common else shared.new_cache()
    if common:
        cache.batch_repeat_interleave(rows)
    rests = [prompt[common:] for prompt in prompts]
    width = max(map(len, rests))
    ids = torch.tensor([[pad] * (width - len(rest)) + list(rest) for rest in rests], device=device)
    real = [[1] * common + [0] * (width - len(rest)) + [1] * len(rest) for rest in rests]
    return ids, torch.tensor(real, device=device), cache
