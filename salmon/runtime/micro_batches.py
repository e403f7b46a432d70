"""Which rows go through the model together: so many, or as many as have so many tokens together."""

from bisect import bisect_left
from collections.abc import Sequence

from salmon.config.training import AUTO, MicroBatchSize

# Of a micro-batch, unless the device is known. Matrix products of a CPU are at their full rate from about 380 tokens
# on, which the halves of what is just above this limit have.
TOKENS = 768


def micro_batches(sizes: Sequence[int], at_once: MicroBatchSize, tokens: int) -> list[range]:
    """Cut rows into micro-batches of neighbours.

    Args:
        sizes: tokens of each row.
        at_once: rows of a micro-batch; ``auto`` makes as few micro-batches of at most ``tokens`` tokens as there can
            be, and of these the largest as small as can be. A row that is longer goes alone.
        tokens: limit for ``auto``.

    Returns:
        The places of the rows of each micro-batch.
    """
    if isinstance(at_once, int):
        return [range(start, min(start + at_once, len(sizes))) for start in range(0, len(sizes), at_once)]
    assert at_once == AUTO
    fewest = len(_filled(sizes, tokens))
    smallest = bisect_left(range(1, tokens), -fewest, key=lambda limit: -len(_filled(sizes, limit))) + 1
    return _filled(sizes, smallest)


def rows_at_once(sizes: Sequence[int], at_once: MicroBatchSize, tokens: int) -> int:
    """One number of rows that suits every micro-batch, whichever rows it has; arguments as for ``micro_batches``."""
    return at_once if isinstance(at_once, int) else max(1, tokens // max(sizes, default=1))


def _filled(sizes: Sequence[int], limit: int) -> list[range]:
    """Micro-batches that are filled one after the other, each as far as the limit allows."""
    found, start, total = list[range](), 0, 0
    for place, size in enumerate(sizes):
        if place > start and total + size > limit:
            found.append(range(start, place))
            start, total = place, 0
        total += size
    return [*found, range(start, len(sizes))] if sizes else []
