"""Many items through the model in batches as large as memory allows, with a line now and then."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from accelerate.utils.memory import should_reduce_batch_size

from salmon.errors import SalmonError
from salmon.runtime.progress import Progress

log = logging.getLogger("salmon")

Item = TypeVar("Item")
LINES = 50  # of progress, for all items


def in_batches(items: Sequence[Item], size: int, do: Callable[[Sequence[Item]], None], progress: Progress) -> int:
    """``do`` every item, in order; a batch that does not fit into memory is done again in halves.

    Args:
        size: of a batch; halved for good at the first that does not fit.
        do: must keep what it made, and may be called again with a part of the same items where it ran out of memory.

    Returns:
        The size that fitted.

    Raises:
        SalmonError: one item alone does not fit.
    """
    start, told = 0, 0
    while start < len(items):
        batch = items[start : start + size]
        try:
            do(batch)
        except RuntimeError as error:
            if not should_reduce_batch_size(error):
                raise
            if size == 1:
                raise SalmonError(
                    "one item of a benchmark does not fit into memory: set model.quantization=nf4, a smaller "
                    f"model.context, or use another device ({str(error).splitlines()[0][:200]})"
                ) from error
            size = max(1, min(size, len(batch)) // 2)
            log.warning("out of memory: going on with eval.batch_size=%d", size)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            continue
        start += len(batch)
        if (start - told) * LINES >= len(items) or start == len(items):
            progress.advance(start - told)
            told = start
    return size
