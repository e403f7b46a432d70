"""JSON lines files that grow while a long task runs, and survive a kill."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors, write_text_atomic


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of a file that only ever grows; a last line that a kill cut short is removed.

    Raises:
        SalmonError: another line is damaged; file and line are named.
    """
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = text[: text.rfind("\n") + 1]
    rows = [_row(line, path, number) for number, line in enumerate(whole.split("\n"), start=1) if line]
    if whole != text:
        rewrite_rows(path, rows)
    return rows


def append_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Add rows at the end; raises ``SalmonError`` where they cannot be written."""
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))


def rewrite_rows(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Replace the file; raises ``SalmonError`` where it cannot be written."""
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(path, "".join(json.dumps(row) + "\n" for row in rows))


def _row(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        row, reason = None, f"not JSON ({error})"
    else:
        reason = "no object"
    if not isinstance(row, dict):
        raise SalmonError(
            f"{path}:{number}: {reason}. Mend or delete that line (its item is then done again), or delete the file"
        )
    return row
