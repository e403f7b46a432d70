"""What is wrong with a text or a path that somebody gave, and how it can be shown in a message."""

import os
from pathlib import Path

LONGEST_PATH = 4096  # bytes; Linux's limit, its own zero byte included
LONGEST_NAME = 255  # bytes of one part of a path
SHOWN = 80  # characters of a foreign text in a message


def text_problem(text: str) -> str | None:
    """Why a text cannot be written to a file in UTF-8; None where it can."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "has half of a character (a lone surrogate)"
    return None


def path_problem(text: str) -> str | None:
    """Why no file can have this path; None where one can. The path need not exist, and may begin with ``~``."""
    if problem := text_problem(text):
        return problem
    if "\0" in text:
        return "has a NUL character"
    if len(text.encode()) >= LONGEST_PATH:
        return f"has {len(text.encode())} bytes, and no path has more than {LONGEST_PATH - 1}"
    if any(len(part.encode()) > LONGEST_NAME for part in text.split(os.sep)):
        return f"has a part of more than {LONGEST_NAME} bytes, and no file has such a name"
    try:
        Path(text).expanduser()
    except RuntimeError:  # ~name/...
        return "begins with the home folder of a user that this machine does not know"
    return None


def shown(value: object, limit: int = SHOWN) -> str:
    """A foreign value for a message: one line that every terminal can print, its middle left out where it is long."""
    text = value if isinstance(value, str) else _safe_repr(value)
    if len(text) > limit:
        text = f"{text[: limit // 2]}...{text[len(text) - limit // 4 :]}"
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # an int of over 4300 digits, a list in itself
        return type(value).__name__
