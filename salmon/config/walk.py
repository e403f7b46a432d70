"""Walks over all settings of a config: which there are, which are unknown, which are out of their limits."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, NamedTuple

from salmon.config.setting import Constraints


class Setting(NamedTuple):
    """One setting of a config."""

    key: str  # dotted: "reward.parametric.lessons[0].pairs"
    value: Any
    constraints: Constraints


def settings(node: Any, path: str = "") -> Iterator[Setting]:
    """Every setting of a dataclass, of those that it holds, and of those in its lists."""
    for f in fields(node):
        key, value = f"{path}{f.name}", getattr(node, f.name)
        groups = dict(_groups(key, value))
        for where, group in groups.items():
            yield from settings(group, f"{where}.")
        if not groups:
            yield Setting(key, value, f.metadata.get("constraints", Constraints()))


def _groups(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The dataclasses that a field is or lists, with their keys."""
    if is_dataclass(value):
        yield key, value
    elif isinstance(value, list):
        yield from ((f"{key}[{number}]", item) for number, item in enumerate(value) if is_dataclass(item))


def plain_settings(tree: Mapping[Any, Any], path: str = "") -> dict[str, Any]:
    """Every setting of a config in plain values, by its dotted key; groups in lists are walked, other lists are values.

    Args:
        path: of the tree, ending in a dot where it is not the whole.
    """
    found: dict[str, Any] = {}
    for name, value in tree.items():
        key, groups = f"{path}{name}", {}
        if isinstance(value, Mapping):
            groups = {key: value}
        elif isinstance(value, Sequence) and all(isinstance(item, Mapping) for item in value):
            groups = {f"{key}[{number}]": item for number, item in enumerate(value)}
        for where, group in groups.items():
            found |= plain_settings(group, f"{where}.") if group else {where: group}
        if not groups:
            found[key] = value
    return found


def broken_constraints(config: Any, references: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """Values that their own field refuses (``setting(at_least=1)``).

    Args:
        references: keys of settings that take another's value (``seed: ${seed}``), with that other's key. A problem is
            told of the other one alone where that has one too: it is the one that somebody gave.
    """
    found = {each.key: list(each.constraints.problems(each.key, each.value)) for each in settings(config)}
    for key, problems in found.items():
        if not found.get(references.get(key, "")):
            yield from problems


def unknown_keys(node: Any, path: str = "") -> Iterator[str]:
    """Keys that ``+key=value`` or a misspelt ``+group=option`` smuggled past Hydra's schema."""
    known = {f.name for f in fields(node)}
    for name, value in vars(node).items():
        where = f"{path}{name}"
        if name not in known:
            close = get_close_matches(name, [*known, "experiment", "sweeps"], n=1)
            hint = f"; did you mean {path}{close[0]}?" if close else ""
            yield f"unknown key or group: {where}{hint}"
        for inner, group in _groups(where, value) if name in known else ():
            yield from unknown_keys(group, f"{inner}.")
