"""JSON lines: one object a line, in UTF-8.

A newline byte ends a line and nothing else does: JSON texts may contain U+2028 and the like. Blank lines are ignored,
and so is a byte order mark. Files whose names end in ``.gz`` are read as well.
"""

import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from salmon.config.texts import shown
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors, write_text_atomic
from salmon.runtime.foreign import read_bytes
from salmon.runtime.parsing import parse_json

log = logging.getLogger("salmon")

Record = dict[str, Any]


def split_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of every line that is not blank."""
    return ((number, line) for number, line in enumerate(content.split(b"\n"), start=1) if line.strip())


def parse_record(line: bytes, finite: bool = True) -> Record:
    """The JSON object of a line; ``finite`` as in ``parse_json``.

    Raises:
        ValueError: it is not one; the text says why.
    """
    return as_record(parse_json(line, finite))


def as_record(value: Any) -> Record:
    """The same value.

    Raises:
        ValueError: it is not a JSON object; the text says so.
    """
    if not isinstance(value, dict):
        raise ValueError(f"not a JSON object: {shown(json.dumps(value))}")
    return value


def placed_records(path: Path, advice: str = "Correct the line") -> Iterator[tuple[str, Record]]:
    """(place, record) of every line; the place is ``FILE, line N``.

    Args:
        advice: ends the message about a damaged line.

    Raises:
        SalmonError: the file cannot be read, or a line is damaged.
    """
    for number, line in split_lines(read_bytes(path)):
        where = f"{path}, line {number}"
        yield where, _record(where, line, advice)


def read_records(path: Path, advice: str = "Correct the line") -> list[Record]:
    """All records of a finished file; else as ``placed_records``."""
    return [record for _, record in placed_records(path, advice)]


def read_grown(path: Path, advice: str = "Delete the line, or the file to make all of it again") -> list[Record]:
    """The records of a file that grows by ``append_records``; none where there is no file yet.

    What follows the last newline was cut off by a kill, and is not read.

    Raises:
        SalmonError: the file cannot be read, or another line is damaged.
    """
    if not path.is_file():
        return []
    whole, newline, _ = read_bytes(path).rpartition(b"\n")
    return [_record(f"{path}, line {number}", line, advice) for number, line in split_lines(whole + newline)]


def recover_grown(path: Path, valid: Callable[[Record], bool] = lambda record: True) -> list[Record]:
    """As ``read_grown`` for a file that is to grow on: it ends before the first line that is damaged or not ``valid``.

    A copy of the damaged file is kept beside it, and named in the log.

    Raises:
        SalmonError: the file cannot be read or written.
    """
    if not path.exists():
        return []
    whole, newline, torn = read_bytes(path).rpartition(b"\n")
    content, records, fault = whole + newline, list[Record](), None
    for number, line in split_lines(content):
        try:
            record = parse_record(line)
            if not valid(record):
                raise ValueError("it lacks something")
        except ValueError as error:
            fault = f"line {number}: {error}"
            content = b"".join(good + b"\n" for good in content.split(b"\n")[: number - 1])
            break
        records.append(record)
    if fault or torn:
        with storage_errors(path):
            if fault:
                aside = path.with_name(f".{path.name}.damaged")
                shutil.copyfile(path, aside)
                log.warning("%s is damaged (%s). It ends before that line now; as it was it is %s", path, fault, aside)
            write_text_atomic(path, content.decode())
    return records


def append_records(path: Path, records: Iterable[Record], ascii_only: bool = True) -> None:
    """Add lines at the end: all of them, or none where the disk is full. Makes the file and its folder.

    The lines are written at once, so processes that append to one file do not mix them up. A last line that a kill
    cut off is removed first.

    Args:
        ascii_only: write other characters as ``\\uXXXX``.

    Raises:
        SalmonError: the file cannot be written.
    """
    text = to_lines(records, ascii_only).encode()
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b", buffering=0) as file:
            end = _cut_torn_line(file)
            try:
                written = 0
                while written < len(text):
                    written += file.write(text[written:])
                os.fsync(file.fileno())  # a state that is written later must not outlive these lines
            except OSError:
                file.truncate(end)
                raise


def rewrite_records(path: Path, records: Iterable[Record], ascii_only: bool = True) -> None:
    """Replace the file as a whole; makes its folder.

    Raises:
        SalmonError: the file cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text_atomic(path, to_lines(records, ascii_only))


def to_lines(records: Iterable[Record], ascii_only: bool = True) -> str:
    """The records as JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=ascii_only) + "\n" for record in records)


def _cut_torn_line(file: BinaryIO) -> int:
    """Remove what follows the last newline; returns the new size in bytes."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return 0
    file.seek(size - 1)
    if file.read(1) == b"\n":
        return size
    file.seek(0)
    end = file.read(size).rfind(b"\n") + 1
    file.truncate(end)
    return end


def _record(where: str, line: bytes, advice: str) -> Record:
    try:
        return parse_record(line)
    except ValueError as error:
        raise SalmonError(f"{where}: {error}. {advice}") from error
