"""Files that a user gives: their rows, each with the place where it stands, so that a message can name it.

Lines of JSON or text, gzipped (``.gz``) or not; a ``.json`` file may also be one JSON value: a list of rows, or an
object with the rows under "examples" (BIG-bench's ``task.json``).
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.foreign import read_bytes
from salmon.runtime.jsonl import Record, as_record, placed_records
from salmon.runtime.parsing import Malformed, parse_json


def existing(setting: str, file: str, folder: bool = False) -> Path:
    """The path that a setting gives.

    Args:
        folder: it may be one.

    Raises:
        SalmonError: there is no such file.
    """
    path = Path(file).expanduser()
    if not (path.is_file() or (folder and path.is_dir())):
        raise SalmonError(f"{setting}={file}: there is no file {path.absolute()}")
    return path


def records(path: Path) -> Iterator[tuple[str, Record]]:
    """(where it stands, row) of every row.

    Raises:
        SalmonError: the file cannot be read, or a row is no JSON object.
    """
    whole = _one_value(path)
    if whole is None:
        yield from placed_records(path)
        return
    for number, record in enumerate(whole, start=1):
        try:
            yield f"{path}, row {number}", as_record(record)
        except ValueError as error:
            raise SalmonError(f"{path}, row {number}: {error}. Correct the row") from error


def texts(where: str, record: Record, names: tuple[str, ...], blank: bool = False) -> list[str]:
    """The values under ``names``, all of them text.

    Raises:
        SalmonError: one is missing, no text, or (unless ``blank``) blank.
    """
    wrong = [name for name in names if not isinstance(record.get(name), str) or not (blank or record[name].strip())]
    if wrong:
        kind = "text" if blank else "text that is not blank"
        raise SalmonError(f"{where}: {', '.join(wrong)} must be {kind}. Correct the line")
    return [record[name] for name in names]


def _one_value(path: Path) -> list[Any] | None:
    """The rows of a ``.json`` file that is one JSON value; None for lines (which many tools call ``.json`` too)."""
    if not path.name.endswith((".json", ".json.gz")):
        return None
    try:
        value = parse_json(read_bytes(path))
    except Malformed:
        return None
    rows = value["examples"] if isinstance(value, dict) and "examples" in value else value
    return rows if isinstance(rows, list) else [rows]
