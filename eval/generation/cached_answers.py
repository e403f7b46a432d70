"""What a model writes about many items, on disk after every batch, so that an interrupted evaluation continues."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from eval.generation.batches import in_batches
from salmon.runtime.jsonl import append_records, recover_grown
from salmon.runtime.progress import Progress

log = logging.getLogger("salmon")

Item = TypeVar("Item")
Row = dict[str, Any]


def cached_answers(
    groups: Sequence[Sequence[Item]],
    path: Path,
    field: str,
    identity: Callable[[Item], Any],
    answer: Callable[[Sequence[Item]], list[Row]],
    size: int,
    unit: str,
) -> list[Row]:
    """A row for every item, in order; those that ``path`` already has are not made again.

    Args:
        groups: items that may be in a batch together.
        path: JSONL that gets each batch's rows as soon as they are there.
        field: of a row, that has the ``identity`` of its item.
        answer: makes the rows of a batch.
        size: of a batch, halved where memory runs out.
        unit: what the items are called on the progress lines.
    """
    done = {row[field]: row for row in recover_grown(path, lambda row: field in row)}
    items = [item for group in groups for item in group]
    progress = Progress(len(items), unit, log, start=sum(identity(item) in done for item in items))

    def work(batch: Sequence[Item]) -> None:
        rows = answer(batch)
        append_records(path, rows)
        done.update({row[field]: row for row in rows})

    for group in groups:
        size = in_batches([item for item in group if identity(item) not in done], size, work, progress)
    return [done[identity(item)] for item in items]
