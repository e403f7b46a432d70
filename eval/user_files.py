"""Files that a user gives: their rows, each with the place where it stands, so that a message can name it.

Lines of JSON or text, gzipped (``.gz``) or not; a ``.json`` file may also be one JSON value: a list of rows, or an
object with the rows under "examples" (BIG-bench's ``task.json``).
"""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError


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


def text_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """(where it stands, line) of every line that is not blank. Only a newline byte ends a line.

    Raises:
        SalmonError: the file cannot be read.
    """
    for number, line in enumerate(_content(path).split(b"\n"), start=1):
        if line.strip():
            yield f"{path}, line {number}", line


def records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where it stands, row) of every row.

    Raises:
        SalmonError: the file cannot be read, or a row is no JSON object.
    """
    whole = _one_value(path)
    if whole is not None:
        for number, record in enumerate(whole, start=1):
            yield _checked(f"{path}, row {number}", record)
        return
    for where, line in text_lines(path):
        try:
            record = json.loads(line.decode())
        except ValueError as error:  # not JSON, or not UTF-8
            raise SalmonError(f"{where}: not JSON ({error}). Correct the line") from error
        yield _checked(where, record)


def texts(where: str, record: dict[str, Any], names: tuple[str, ...], blank: bool = False) -> list[str]:
    """The values under ``names``, all of them text.

    Raises:
        SalmonError: one is missing, no text, or (unless ``blank``) blank.
    """
    wrong = [name for name in names if not isinstance(record.get(name), str) or not (blank or record[name].strip())]
    if wrong:
        kind = "text" if blank else "text that is not blank"
        raise SalmonError(f"{where}: {', '.join(wrong)} must be {kind}. Correct the line")
    return [record[name] for name in names]


def _checked(where: str, record: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(record, dict):
        raise SalmonError(f"{where}: not a JSON object. Correct the line")
    return where, record


def _one_value(path: Path) -> list[Any] | None:
    """The rows of a ``.json`` file that is one JSON value; None for lines (which many tools call ``.json`` too)."""
    if not path.name.endswith((".json", ".json.gz")):
        return None
    try:
        value = json.loads(_content(path).decode())
    except ValueError:
        return None
    rows = value["examples"] if isinstance(value, dict) and "examples" in value else value
    return rows if isinstance(rows, list) else [rows]


def _content(path: Path) -> bytes:
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise SalmonError(f"{path.absolute()} cannot be read: {error}") from error
    return content.removeprefix(b"\xef\xbb\xbf")
