"""What the rules about single settings share."""

import difflib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any


def settings(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every setting."""
    for f in fields(node):
        value = getattr(node, f.name)
        if is_dataclass(value):
            yield from settings(value, f"{path}{f.name}.")
        else:
            yield f"{path}{f.name}", value


def positive(where: str, **values: float | None) -> Iterator[str]:
    """None stands for no limit."""
    for name, value in values.items():
        if value is not None and value < 1:
            yield f"{where}.{name}={value} must be at least 1"


def probabilities(where: str, **values: float) -> Iterator[str]:
    for name, value in values.items():
        if not 0 <= value <= 1:
            yield f"{where}.{name}={value} must be between 0 and 1"


def choices(where: str, given: list[str], allowed: tuple[str, ...]) -> Iterator[str]:
    for name in given:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            yield f"{where}: unknown {name!r}{hint}; known are {', '.join(allowed)}"
    if len(set(given)) < len(given):
        yield f"{where}: named more than once: {', '.join(sorted({g for g in given if given.count(g) > 1}))}"
