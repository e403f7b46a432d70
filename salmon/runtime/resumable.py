"""Long row-by-row work that survives a kill: results are appended chunk by chunk and never redone."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from salmon.distributed.world import World, use_world, world
from salmon.runtime.jsonl import Record, append_records, recover_grown, rewrite_records
from salmon.runtime.progress import Progress

log = logging.getLogger("salmon")

T = TypeVar("T")


def map_resumable(
    path: Path, items: Sequence[T], chunk_size: int, work: Callable[[Sequence[T]], list[Record]], what: str
) -> list[Record]:
    """``work`` over fixed chunks of items; one JSON row an item, kept in ``path``.

    Chunks are the same whenever the run was interrupted, and in any number of processes (each takes one at a time, the
    first writes), so the rows are too, to the last bit.

    Args:
        work: returns one JSON-ready row for each item of its chunk, in order.
        what: plural of what is made, for the progress lines.
    """
    here = world()
    rows = here.on_main(lambda: _whole_chunks(path, chunk_size, len(items)))
    if rows:
        log.info("%s: %d of %d were made before the interruption", what, len(rows), len(items))
    progress = Progress(len(items), what, start=len(rows))
    here.on_main(partial(_append, path, []))
    while len(rows) < len(items):
        start = len(rows) + here.rank * chunk_size
        chunk = items[start : start + chunk_size]
        with use_world(World()):  # each process has a chunk of its own, and no help with it
            mine = work(chunk) if chunk else []
        made = [row for part in here.all_gather(mine) for row in part]
        here.on_main(partial(_append, path, made))
        rows += made
        progress.advance(len(made))
    return rows


def _append(path: Path, rows: Sequence[Record]) -> None:
    append_records(path, rows, ascii_only=False)


def _whole_chunks(path: Path, chunk_size: int, total: int) -> list[Record]:
    """Rows of finished chunks; the rows of a chunk that a kill interrupted are dropped from the file."""
    rows = recover_grown(path)
    whole = total if len(rows) >= total else len(rows) - len(rows) % chunk_size
    if whole < len(rows):
        rewrite_records(path, rows[:whole], ascii_only=False)
    return rows[:whole]
