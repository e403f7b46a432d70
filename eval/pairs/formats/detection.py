"""Which format a file has, and its rows."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from eval.pairs.files import Preferences, placed_rows, preferences_of
from eval.pairs.formats import llmbar, rankings, rmgap, rpr
from eval.pairs.formats.best_of_n import is_best_of_n, read_best_of_n
from eval.pairs.ranked.rows import Benchmark, Ranked, collected
from salmon.runtime.jsonl import Record

Reader = Callable[[str, Record, str], Iterator[Ranked]]


def read_source(path: Path) -> Preferences | Benchmark:
    """The rows of a file, or of all files below a folder, in any format of ``eval.pairs.files``.

    All rows have one format: the first that is no plain pair decides, so that a row in another one is refused.

    Raises:
        SalmonError: a file is unreadable or has no row, or a row is not in the format.
    """
    placed = list(placed_rows(path))
    reader = next((found for _, record, _ in placed if (found := reader_of(record))), None)
    if reader is None:
        return preferences_of(path, placed)
    return collected(path, _rows(placed, reader))


def reader_of(record: Record) -> Reader | None:
    """None: a plain pair, or nothing that is known."""
    if llmbar.KEYS & record.keys():
        return llmbar.read_llmbar
    if rpr.KEYS & record.keys():
        return rpr.read_rpr
    if rmgap.KEYS & record.keys():
        return rmgap.read_rmgap
    if "responses" in record:
        return rankings.read_ranking
    return read_best_of_n if is_best_of_n(record) else None


def _rows(placed: Sequence[tuple[str, Record, str]], reader: Reader) -> Iterator[tuple[str, Ranked]]:
    for where, record, category in placed:
        yield from ((where, row) for row in reader(where, record, category))
