"""Saved outputs: the items of a JSON array or of JSON lines, each with the place that a message names."""

import json
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.foreign import read_bytes
from salmon.runtime.jsonl import Record, as_record, split_lines
from salmon.runtime.parsing import Malformed, parse_json

ARRAY_OR_LINES = "one JSON array of objects, or one object a line (JSONL)"


@dataclass(frozen=True)
class SavedItem:
    """One object of a file."""

    place: str  # "FILE:LINE", or "FILE, item N" of an array
    file: Path
    values: Record

    def get(self, key: str, kinds: type | tuple[type, ...], layout: str) -> Any:
        """The value of a key that must be there and be of these types.

        Args:
            layout: what an item has to look like, for the message.

        Raises:
            SalmonError: it is not.
        """
        if key not in self.values:
            raise SalmonError(
                f"{self.place}: no key {key!r} (there are: {', '.join(self.values) or 'none'}); each item is {layout}"
            )
        value = self.values[key]
        if not isinstance(value, kinds):
            raise SalmonError(f"{self.place}: {key!r} is {json.dumps(value)[:80]}; each item is {layout}")
        return value


def read_items(path: Path) -> list[SavedItem]:
    """The items of a file, or of all .jsonl and .json files in a folder.

    Raises:
        SalmonError: no such file, nothing in it, or not JSON; file and line are named.
    """
    if path.is_dir():
        files = sorted(file for ending in ("*.jsonl", "*.json") for file in path.glob(ending))
        if not files:
            raise SalmonError(f"{path}: no .jsonl and no .json file in this folder")
        return [item for file in files for item in _items_of(file)]
    return _items_of(path)


def _items_of(path: Path) -> list[SavedItem]:
    content = read_bytes(path)
    if not content.strip():
        raise SalmonError(f"{path}: is empty; it must hold {ARRAY_OR_LINES}")
    if content.lstrip().startswith(b"["):
        values = enumerate(_array(path, content), start=1)
        items = [SavedItem(place := f"{path}, item {number}", path, _record(place, v)) for number, v in values]
    else:
        lines = split_lines(content)
        items = [SavedItem(place := f"{path}:{number}", path, _record(place, line)) for number, line in lines]
    if not items:
        raise SalmonError(f"{path}: no items; it must hold {ARRAY_OR_LINES}")
    return items


def _record(place: str, value: Any) -> Record:
    """The object of a line, or of an item of an array."""
    try:
        # A score of NaN is one of the things that are counted.
        return as_record(parse_json(value, finite=False) if isinstance(value, bytes) else value)
    except ValueError as error:
        raise SalmonError(f"{place}: {error}; the file must hold {ARRAY_OR_LINES}") from error


def _array(path: Path, content: bytes) -> list[Any]:
    try:
        return parse_json(content, finite=False)
    except Malformed as error:
        line = f":{error.line}" if error.line else ""
        raise SalmonError(f"{path}{line}: {error}; the file must hold {ARRAY_OR_LINES}") from error


def repeats(items: Sequence[SavedItem], identities: Sequence[Hashable | None]) -> list[str]:
    """A line for every item whose identity an earlier item has; None is never a repeat."""
    first: dict[Hashable, SavedItem] = {}
    found = []
    for item, identity in zip(items, identities, strict=True):
        if identity is None:
            continue
        if identity in first:
            found.append(f"{item.place} repeats {first[identity].place}")
        else:
            first[identity] = item
    return found
