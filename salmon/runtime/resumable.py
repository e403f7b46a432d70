"""Long row-by-row work that survives a kill: results are appended chunk by chunk and never redone."""

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from salmon.distributed.world import World, use_world, world
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors
from salmon.runtime.progress import Progress

log = logging.getLogger("salmon")

T = TypeVar("T")


def map_resumable(
    path: Path, items: Sequence[T], chunk_size: int, work: Callable[[Sequence[T]], list[dict]], what: str
) -> list[dict]:
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


def _append(path: Path, rows: Sequence[dict]) -> None:
    with storage_errors(path), path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def _whole_chunks(path: Path, chunk_size: int, total: int) -> list[dict]:
    """Rows of finished chunks; a chunk torn by a kill is dropped from the file."""
    if not path.exists():
        return []
    rows, end = [], 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                rows.append(json.loads(line))
            except ValueError as error:
                message = f"{path}, line {number}: not JSON ({error}). Delete the file to make it again"
                raise SalmonError(message) from error
            if len(rows) % chunk_size == 0 or len(rows) == total:
                end, whole = file.tell(), len(rows)
    if not end:
        whole = 0
    with path.open("r+b") as file:
        file.truncate(end)
    return rows[:whole]
