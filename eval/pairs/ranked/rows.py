"""A row of a benchmark for models that read instructions, and what makes one unusable."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from salmon.errors import SalmonError

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class Ranked:
    """Some responses to one prompt, of which some are better than others."""

    prompt: str
    responses: tuple[str, ...]  # in the order of the file
    ranks: tuple[int, ...]  # of each response, 0 is the best; equal ranks: no preference between them
    category: str = ""  # "" where the file names none
    guideline: str | None = None  # under which the ranks hold; None: the row brings none
    contrary: str | None = None  # guideline under which the ranks are reversed
    group: str | None = None  # rows of one group ask the same thing in other words
    id: str = ""

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """(better, worse) of all responses that differ in rank."""
        places = range(len(self.ranks))
        return [(i, j) for i in places for j in places if self.ranks[i] < self.ranks[j]]

    @property
    def best(self) -> list[int]:
        """Places of the responses of rank 0."""
        return [place for place, rank in enumerate(self.ranks) if rank == 0]


@dataclass(frozen=True)
class Benchmark:
    rows: list[Ranked]
    skipped: int  # rows that prefer nothing: see ``unusable``
    total: int  # in the file


def clusters_of(rows: Sequence[Ranked]) -> list[int]:
    """The number of each row's cluster: rows that share a prompt, a group or an id depend on each other."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    keys: dict[tuple[str, str], int] = {}
    links: list[tuple[int, int]] = []
    for place, row in enumerate(rows):
        shared = (("prompt", row.prompt), ("group", row.group or ""), ("id", row.id))
        links += [(place, len(rows) + keys.setdefault(key, len(keys))) for key in shared if key[1]]
    size = len(rows) + len(keys)
    graph = coo_array((np.ones(len(links)), tuple(zip(*links, strict=True))), shape=(size, size))
    return connected_components(graph, directed=False)[1][: len(rows)].tolist()


def unusable(row: Ranked) -> str | None:
    """Why nothing can be measured on a row; None where something can."""
    if not row.prompt.strip():
        return "the prompt is blank"
    if not all(text.strip() for text in row.responses):
        return f"response {next(n for n, text in enumerate(row.responses, start=1) if not text.strip())} is blank"
    if any(row.responses[i] == row.responses[j] for i, j in row.pairs):
        return "two responses of unequal rank are the same text"
    return None


def collected(path: Path, placed: Iterable[tuple[str, Ranked]]) -> Benchmark:
    """The usable rows; each of the others is named in the log.

    Args:
        placed: rows, each with where it stands.

    Raises:
        SalmonError: nothing is left, some rows have a guideline and others have none, or the rows of a group do not
            compare the same.
    """
    placed = list(placed)
    _check_guidelines(placed)
    _check_groups(placed)
    reasons = [(where, unusable(row)) for where, row in placed]
    name_skipped((where, reason) for where, reason in reasons if reason is not None)
    kept = [row for (_, row), (_, reason) in zip(placed, reasons, strict=True) if reason is None]
    if not kept:
        raise SalmonError(f"{path} has no rows in which one response is preferred")
    return Benchmark(kept, len(placed) - len(kept), len(placed))


def name_skipped(reasons: Iterable[tuple[str, str]]) -> None:
    """A line of the log for every row that is left out."""
    for where, reason in reasons:
        log.warning("%s is left out: %s", where, reason)


def _check_guidelines(placed: Sequence[tuple[str, Ranked]]) -> None:
    guided = [where for where, row in placed if row.guideline is not None]
    for where, row in placed:
        if guided and row.guideline is None:
            raise SalmonError(
                f"{where} has no guideline, but others have one ({guided[0]}). Give each row its own, or none of them"
            )
        if row.contrary is not None and row.guideline is None:
            raise SalmonError(f"{where} has a contrary but no guideline. Give the one under which the ranks hold")
        if row.contrary is not None and row.contrary == row.guideline:
            raise SalmonError(f"{where}: the contrary is the guideline itself. Give one that turns the preference")


def _check_groups(placed: Sequence[tuple[str, Ranked]]) -> None:
    first: dict[str, tuple[str, Ranked]] = {}
    for where, row in placed:
        if row.group is None:
            continue
        there, other = first.setdefault(row.group, (where, row))
        if (row.responses, row.ranks) != (other.responses, other.ranks):
            raise SalmonError(
                f"{where}: its responses or their order are not those of {there}, which has the same group "
                f"{row.group!r}. The rows of a group compare the same responses in other words"
            )
