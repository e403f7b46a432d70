"""What is wrong with a text or a path that somebody gave, and how it can be shown in a message."""

import os
import re
from pathlib import Path

LONGEST_PATH = 4096  # bytes; Linux's limit, its own zero byte included
LONGEST_NAME = 255  # bytes of one part of a path
LONGEST_LABEL = 64  # characters; W&B's limit for a tag
LONGEST_GROUP = 128  # characters; W&B's limit for the name of a project, a group or a run
SHOWN = 80  # characters of a foreign text in a message
NOT_IN_PROJECTS = "/\\#?%:"  # W&B's
# What looks like a key to a service, and the user's part of an address: neither belongs in a message or a log.
_SECRET = re.compile(r"(?<![\w-])(sk-|hf_|ghp_|xox.-)[\w-]{8,}|(?<=://)[^/@\s]+(?=@)")


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


def label_problem(text: str) -> str | None:
    """Why a text cannot be a tag, a part of a run's name and of a line; None where it can."""
    return _one_line_problem(text, LONGEST_LABEL)


def group_problem(text: str) -> str | None:
    """The same for a longer one: the name of a group or of a pipeline."""
    return _one_line_problem(text, LONGEST_GROUP)


def project_problem(text: str) -> str | None:
    """Why W&B takes no project of this name; None where it does."""
    if found := [char for char in NOT_IN_PROJECTS if char in text]:
        return f"has {' '.join(found)}, and W&B has no project with one of {' '.join(NOT_IN_PROJECTS)} in its name"
    return _one_line_problem(text, LONGEST_GROUP)


def variable_problem(text: str) -> str | None:
    """Why no environment variable has this name; None where one can. The text may be a key, so it is not shown."""
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", text, re.ASCII):
        return None
    return "must be the name of an environment variable, such as OPENAI_API_KEY (the key itself goes into the variable)"


def _one_line_problem(text: str, longest: int) -> str | None:
    if problem := text_problem(text):
        return problem
    if not text.strip():
        return "is blank"
    if not text.isprintable():
        return "has a line break, or another character that is not printed"
    if len(text) > longest:
        return f"has {len(text)} characters, and {longest} are the most"
    return None


def shown(value: object, limit: int = SHOWN) -> str:
    """A foreign value for a message: one line that can be printed, its middle left out where it is long.

    Keys to services and the user's part of an address are left out as well.
    """
    text = _SECRET.sub(lambda found: f"{found[1] or ''}***", value if isinstance(value, str) else _safe_repr(value))
    if len(text) > limit:
        text = f"{text[: limit // 2]}...{text[len(text) - limit // 4 :]}"
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


def _safe_repr(value: object) -> str:
    try:
        return repr(value)
    except (ValueError, RecursionError):  # an int of over 4300 digits, a list in itself
        return type(value).__name__
