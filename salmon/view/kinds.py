"""Which kinds of pages there are, and which of them a folder has.

An entry point of the group ``salmon.pages`` names a ``PageKind``: so ``sweeps``, which imports ``salmon``, brings the
page of a study without ``salmon`` knowing it.
"""

from functools import cache
from importlib.metadata import entry_points
from pathlib import Path

from salmon.errors import SalmonError
from salmon.view.job.kinds import ARTIFACT, JOB
from salmon.view.page import PageKind


@cache
def page_kinds() -> tuple[PageKind, ...]:
    """Those of the packages above ``salmon``, then its own."""
    return (*(point.load() for point in entry_points(group="salmon.pages")), JOB, ARTIFACT)


def page_kind_of(folder: Path) -> PageKind:
    """Raises ``SalmonError`` where the folder is of no kind that has a page."""
    if not folder.is_dir():
        raise SalmonError(f"{folder}: there is no such folder; give that of a job, a sweep or an artifact")
    for kind in page_kinds():
        if kind.takes(folder):
            return kind
    raise SalmonError(f"{folder} has no page: it is not {', '.join(kind.name for kind in page_kinds())}")
