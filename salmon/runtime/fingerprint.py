"""What identifies an artifact: the settings that shape it, what it was made from, and its format."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any


def semantic(config: Any) -> Any:
    """A config dataclass as JSON-ready values, without its ``cosmetic`` fields, at every depth.

    Enums are given by value. Raises ``TypeError`` for anything that is not a dataclass instance, mapping
    with string keys, list, tuple, enum, string, number, bool or None, and ``ValueError`` for a setting
    that is still missing: both are bugs of ours, since a config is checked before any stage starts.
    """
    return _semantic(config, "config")


def _semantic(value: Any, where: str) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _semantic(getattr(value, field.name), f"{where}.{field.name}")
            for field in fields(value)
            if not field.metadata.get("cosmetic", False)
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(f"{where}: keys must be strings")
        return {key: _semantic(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_semantic(item, f"{where}[{index}]") for index, item in enumerate(value)]
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
