"""What of a config may leave this machine: no absolute path, no password in a URL."""

from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit


def public_config(value: Any) -> Any:
    """A copy that tells nobody where things lie here: of an absolute path its last part, of a URL no user."""
    if isinstance(value, dict):
        return {key: public_config(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public_config(item) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith("file://"):
        return public_config(urlsplit(value).path)
    if _is_absolute(value):
        return f".../{PurePath(value).name}"
    if "://" in value and "@" in urlsplit(value).netloc:
        return value.replace(urlsplit(value).netloc.rpartition("@")[0], "***", 1)
    return value


def _is_absolute(value: str) -> bool:
    """``/no_think`` and such are texts: a path has two parts at least, or is there."""
    if "\n" in value or not value.startswith(("/", "~/")):
        return False
    return len(PurePath(value).parts) > 2 or Path(value).expanduser().exists()
