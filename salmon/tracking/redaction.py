"""Removes from a config what must not leave this machine: absolute paths and passwords in URLs."""

import re
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

_STOP = r"\s/,;'\"\[\](){}<>&"  # what a folder's name is not expected to have
_PATH = re.compile(rf"(?<![\w./:])(?:~|/[^{_STOP}]+)(?:/[^{_STOP}]+)*/(?=[^{_STOP}])")


def redact(value: Any) -> Any:
    """A copy with absolute paths cut to their last part (``.../name``) and without the users of URLs.

    Args:
        value: a text, or dicts and lists of texts; anything else is returned as it is.
    """
    if isinstance(value, dict):
        return {key: redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith("file://"):
        return redact(urlsplit(value).path)
    if _is_absolute(value):
        return f".../{PurePath(value).name}"
    if "://" in value and "@" in urlsplit(value).netloc:
        return value.replace(urlsplit(value).netloc.rpartition("@")[0], "***", 1)
    return value


def redact_within(text: str) -> str:
    """The text with every absolute path in it cut to its last part (``.../name``)."""
    return _PATH.sub(".../", text)


def _is_absolute(value: str) -> bool:
    """``/no_think`` and such are texts: a path has two parts at least, or is there."""
    if "\n" in value or not value.startswith(("/", "~/")):
        return False
    return len(PurePath(value).parts) > 2 or Path(value).expanduser().exists()
