"""JSON and YAML texts as plain values, with what Python's readers let through refused.

Both readers take equal keys twice (the last one wins), NaN and infinity, nesting that ends in a ``RecursionError``
later on, and escapes of lone surrogates, which no file can hold. Here each is one ``Malformed`` with the reason.
"""

import json
import math
import re
from collections.abc import Hashable, Iterable, Iterator
from itertools import islice
from typing import Any

import yaml

from salmon.config.texts import shown, text_problem

DEEPEST = 50  # objects and lists inside of each other
MOST_NODES = 20_000_000  # values in a document; aliases of YAML can stand for more than any memory holds
LONGEST_NUMBER = 300  # digits of a whole number: with more, it is too large for a float
_SUSPECT = re.compile(r"NaN|Infinity|\\u[dD][89a-fA-F]")  # not finite, or half of a pair


class Malformed(ValueError):
    """A text that is no value; the message says why."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        """``line``: where the text goes wrong, from 1, if that is known."""
        super().__init__(reason)
        self.line = line


def parse_json(text: str | bytes, finite: bool = True) -> Any:
    """The value of a JSON text.

    Args:
        finite: refuse NaN and infinity, which Python's own writer makes and no other reader takes.

    Raises:
        Malformed: it is none, not UTF-8, or holds what ``check_value`` refuses.
    """
    text = decoded(text)
    try:
        value = (_FINITE if finite else _ANY).decode(text)
    except json.JSONDecodeError as error:
        raise Malformed(f"not valid JSON ({error.msg} at column {error.colno})", error.lineno) from error
    except RecursionError as error:
        raise Malformed(f"lists and objects inside of each other, deeper than {DEEPEST}") from error
    if _SUSPECT.search(text) or text.count("[") + text.count("{") > DEEPEST:
        check_value(value, finite)
    return value


def parse_yaml(text: str | bytes) -> Any:
    """The value of a YAML text.

    Raises:
        Malformed: it is none, not UTF-8, or holds what ``check_value`` refuses.
    """
    try:
        value = _Loader(decoded(text)).get_single_data()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise Malformed(f"not valid YAML: {shown(problem, 200)}", mark.line + 1 if mark else None) from error
    except RecursionError as error:
        raise Malformed(f"lists and mappings inside of each other, deeper than {DEEPEST}") from error
    except Malformed:
        raise
    except ValueError as error:  # a date that is none, a number of over 4300 digits
        raise Malformed(f"not valid YAML: {shown(str(error), 200)}") from error
    check_value(value)
    return value


def decoded(text: str | bytes) -> str:
    """Bytes as text.

    Raises:
        Malformed: they are not UTF-8.
    """
    if isinstance(text, str):
        return text
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"not UTF-8 text (byte {error.start + 1})", text.count(b"\n", 0, error.start) + 1) from error


def check_value(value: Any, finite: bool = True) -> None:
    """Refuse what cannot be written as JSON, or not be walked by a recursive function.

    Raises:
        Malformed: nesting deeper than ``DEEPEST``, a key that is no text, NaN or infinity, a lone surrogate; names the
            place, such as ``scores[1]``.
    """
    level, nodes = [value], 0
    for _ in range(DEEPEST + 1):
        nodes += len(level)
        if nodes > MOST_NODES:
            raise Malformed(f"more than {MOST_NODES} values")
        if any(_problem(item, finite) for item in level):
            raise Malformed(next(f"{at} {said}" for at, item in _places(value) if (said := _problem(item, finite))))
        level = list(islice(_inside(level), MOST_NODES + 1))
        if not level:
            return
    raise Malformed(f"lists and objects inside of each other, deeper than {DEEPEST}")


def _inside(level: Iterable[Any]) -> Iterator[Any]:
    for item in level:
        if isinstance(item, dict):
            yield from item.values()
        elif isinstance(item, list | tuple | set):
            yield from item


def _problem(item: Any, finite: bool) -> str | None:
    """What is wrong with a number, a text, or the keys of a mapping."""
    if isinstance(item, float):
        return f"is not a finite number ({item})" if finite and not math.isfinite(item) else None
    if isinstance(item, str):
        return None if item.isascii() else text_problem(item)
    for key in item if isinstance(item, dict) else ():
        if not isinstance(key, str):
            return f"has the key {shown(key)}, which is no text: put it in quotes"
        if problem := text_problem(key):
            return f"has the key {shown(key)}, which {problem}"
    return None


def _places(value: Any) -> Iterator[tuple[str, Any]]:
    """Every value with the words that lead to it, level by level."""
    level = [("", value)]
    while level:
        below = []
        for place, item in level:
            yield f'"{place}"' if place else "the value", item
            if isinstance(item, dict):
                below += [(f"{place}.{key}" if place else str(key), inner) for key, inner in item.items()]
            elif isinstance(item, list | tuple | set):
                below += [(f"{place}[{number}]", inner) for number, inner in enumerate(item)]
        level = below


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Malformed(f'the key "{shown(next(key for key in keys if keys.count(key) > 1))}" is there twice')
    return made


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise Malformed(f"the number {shown(digits)} is too large")
    return number


def _int(digits: str) -> int:
    _check_length(digits)
    return int(digits)


def _check_length(digits: str) -> None:
    if len(digits) > LONGEST_NUMBER:
        raise Malformed(f"a number of {len(digits)} digits; the longest has {LONGEST_NUMBER}")


_FINITE = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_int=_int)
_ANY = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int)


class _Loader(yaml.SafeLoader):
    """Plain values only; a key that stands twice in one mapping is refused (what ``<<`` brings may be replaced)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    raise Malformed(f'the key "{shown(key.value)}" is there twice', key.start_mark.line + 1)
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        _check_length(node.value)
        return super().construct_yaml_int(node)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
