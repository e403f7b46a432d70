"""What identifies an artifact: the settings that shape it, what it was made from, and its format."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any


def semantic(config: Any) -> Any:
    """A config dataclass as JSON-ready values, as far as they decide a result by themselves.

    At every depth its ``cosmetic`` fields are left out, and those that count ``by_content`` (see ``setting``).
    Enums are given by value. Raises ``TypeError`` for anything that is not a dataclass instance, mapping
    with string keys, list, tuple, enum, string, number, bool or None, and ``ValueError`` for a setting
    that is still missing: both are bugs of ours, since a config is checked before any stage starts.
    """
    return _plain(config, "config", ("cosmetic", "by_content"))


def recorded(config: Any) -> Any:
    """The same with the names of files, as they were given: for records that people read."""
    return _plain(config, "config", ("cosmetic",))


def _plain(value: Any, where: str, without: tuple[str, ...]) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name), f"{where}.{field.name}", without)
            for field in fields(value)
            if not any(field.metadata.get(mark, False) for mark in without)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{where}: keys must be strings")
        return {key: _plain(item, f"{where}.{key}", without) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{index}]", without) for index, item in enumerate(value)]
    if value == "???":
        raise ValueError(f"{where} is missing")
    if value is None or isinstance(value, str | int | float):
        return value
    raise TypeError(f"{where}: {type(value).__name__} cannot be part of a fingerprint")


def fingerprint(stage: str, version: int, config: Any, upstream: Mapping[str, str]) -> str:
    """16 hex digits that name what ``stage`` makes.

    Args:
        version: the stage's format version, raised when its code changes what it computes.
        config: JSON-ready settings that shape the result, see ``semantic``. Order of keys is irrelevant.
        upstream: fingerprint of each input artifact, by stage name.
    """
    identity = {"stage": stage, "version": version, "config": config, "upstream": dict(upstream)}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def identity_digest(identity: Any) -> str:
    """16 hex digits that stand for a JSON-ready identity, in file names and keys."""
    return fingerprint("identity", 1, identity, {})
