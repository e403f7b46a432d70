"""The door for files that somebody else wrote, or may have changed: every one of them is read here.

Whatever is behind the path (nothing, a folder, other bytes than UTF-8, half of a document, numbers without end) is one
``SalmonError`` that names the file and, if there is one, the line. ``salmon/runtime/jsonl.py`` reads rows through it.
"""

import gzip
import stat
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from salmon.config.texts import path_problem, shown
from salmon.errors import SalmonError
from salmon.runtime.parsing import Malformed, decoded, parse_json, parse_yaml

T = TypeVar("T")

LARGEST = 4 * 2**30  # bytes of a file, unpacked
LARGEST_YAML = 8 * 2**20  # bytes; its reader takes a second for each megabyte
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KINDS: dict[type, str] = {dict: "an object with keys", list: "a list"}


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """The content of a file, unpacked if its name ends in ``.gz``, without a byte order mark.

    Raises:
        SalmonError: the file cannot be read, is a folder or a device, or has more bytes than ``largest``.
    """
    if problem := path_problem(str(path)):
        raise SalmonError(f"{shown(str(path))} cannot be read: the path {problem}")
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise SalmonError(f"{path.absolute()} cannot be read: it is {kind}")
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content = file.read(largest + 1)
    except (OSError, EOFError, zlib.error) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise SalmonError(f"{path.absolute()} cannot be read: {reason}") from error
    if len(content) > largest:
        raise SalmonError(f"{path.absolute()} cannot be read: it has more than {largest} bytes")
    return content.removeprefix(BYTE_ORDER_MARK)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file; else as ``read_bytes``."""
    return _parsed(path, decoded, read_bytes(path), "Save it as UTF-8")


def read_json(path: Path, kind: type | None = dict, advice: str = "") -> Any:
    """The value of a JSON file.

    Args:
        kind: what it must be: ``dict``, ``list``, or None for anything.
        advice: a sentence that ends every message about the content.

    Raises:
        SalmonError: the file cannot be read, is not JSON, or holds another kind of value.
    """
    return _of_kind(path, _parsed(path, parse_json, read_bytes(path), advice), kind, advice)


def read_yaml(path: Path, kind: type | None = dict, advice: str = "") -> Any:
    """The value of a YAML file; else as ``read_json``."""
    return _of_kind(path, _parsed(path, parse_yaml, read_bytes(path, LARGEST_YAML), advice), kind, advice)


def read_json_as(path: Path, kind: type[T], advice: str = "") -> T:
    """The value of a JSON file whose keys and types a ``TypedDict`` states; other keys are kept.

    Raises:
        SalmonError: the file cannot be read, is not JSON, or lacks a key or has another type there.
    """
    value = read_json(path, advice=advice)
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(shown(str(part)) for part in first["loc"])
        reason = "is missing" if first["type"] == "missing" else f"is {shown(first['input'])}: {first['msg']}"
        raise SalmonError(_sentence(f"{path}: {place} {reason}", advice)) from error
    return cast(T, value)


def _parsed(path: Path, parse: Callable[[bytes], Any], content: bytes, advice: str) -> Any:
    try:
        return parse(content)
    except Malformed as error:
        line = f", line {error.line}" if error.line else ""
        raise SalmonError(_sentence(f"{path}{line}: {error}", advice)) from error


def _of_kind(path: Path, value: Any, kind: type | None, advice: str) -> Any:
    if kind is not None and not isinstance(value, kind):
        raise SalmonError(_sentence(f"{path}: must be {_KINDS[kind]}, not {shown(value)}", advice))
    return value


def _sentence(text: str, advice: str) -> str:
    return f"{text}. {advice}" if advice else text
