"""The prompts that a policy is probed with, from files."""

from dataclasses import dataclass
from pathlib import Path

from eval.user_files import records, texts
from salmon.errors import SalmonError
from salmon.runtime.foreign import read_bytes
from salmon.runtime.jsonl import split_lines

COMPLY, REFUSE = "comply", "refuse"
FIELDS = {"prompt", "category", "expect", "id"}


@dataclass(frozen=True)
class Probe:
    prompt: str
    category: str  # "" where the file names none
    expect: str | None  # COMPLY, REFUSE; None: nobody says


def read_probes(path: Path) -> list[Probe]:
    """Rows ``{prompt[, category, expect]}`` (``expect``: comply or refuse), or one prompt a line in a ``.txt`` file.

    Raises:
        SalmonError: the file is unreadable or has no prompt, or a row is no such row.
    """
    found = _plain(path) if path.name.removesuffix(".gz").endswith(".txt") else _rows(path)
    if not found:
        raise SalmonError(f"{path} has no prompts")
    return found


def _plain(path: Path) -> list[Probe]:
    found = []
    for number, line in split_lines(read_bytes(path)):
        try:
            found.append(Probe(line.decode().strip(), "", None))
        except UnicodeDecodeError as error:
            raise SalmonError(f"{path}, line {number}: not UTF-8 ({error}). Correct the line") from error
    return found


def _rows(path: Path) -> list[Probe]:
    found = []
    for where, record in records(path):
        (prompt,) = texts(where, record, ("prompt",))
        unknown = sorted(record.keys() - FIELDS)
        if unknown:  # a misspelt "expect" would change which rate a prompt counts in
            raise SalmonError(f"{where}: unknown {', '.join(unknown)}; a row has {', '.join(sorted(FIELDS))}")
        category, expect = record.get("category", ""), record.get("expect")
        if not isinstance(category, str):
            raise SalmonError(f"{where}: the category must be text, not {category!r}. Correct the line")
        if expect not in (COMPLY, REFUSE, None):
            raise SalmonError(f"{where}: expect must be {COMPLY} or {REFUSE}, not {expect!r}. Correct the line")
        found.append(Probe(prompt, category, expect))
    return found
