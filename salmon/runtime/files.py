"""Writing to disk so that a kill, a crash or a full disk never leaves half a file behind."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENAMETOOLONG}
_BROKEN = {errno.EIO, errno.ESTALE}
# torch.save and safetensors report a full disk as a RuntimeError / SafetensorError without an errno.
_FULL_TEXT = ("No space left on device", "Disk quota exceeded")
_NO_ROOM_BYTES = 4096


@contextmanager
def storage_errors(path: Path, only_full: bool = False) -> Iterator[None]:
    """Turn "not writable" and "disk full" inside the block into one clear ``SalmonError`` about ``path``.

    Wrap only code that writes below ``path``; with ``only_full`` code that reads and writes elsewhere too. Works for
    plain files, ``torch.save`` and safetensors. Other exceptions pass unchanged.
    """
    try:
        yield
    except SalmonError:
        raise
    except Exception as error:
        message = _explain(error, path, only_full)
        if message is None:
            raise
        raise SalmonError(message) from error


def require_writable(folder: Path) -> None:
    """Make ``folder`` and try it with a file that nobody else has: jobs that start together share it.

    Errors: ``SalmonError`` where it cannot be made or written.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def _explain(error: Exception, path: Path, only_full: bool) -> str | None:
    code = error.errno if isinstance(error, OSError) else None
    if code in _FULL or any(text in str(error) for text in _FULL_TEXT) or (code is None and _is_full(path)):
        return (
            f"{path}: the disk is full, or a quota is used up. Free some space, or move the folder to a "
            "larger disk and set paths.store, paths.wandb or paths.cache to it. Then run the same command "
            "again: what was finished is kept, and the interrupted stage continues."
        )
    if only_full:
        return None
    if isinstance(error, OSError) and code in _DENIED:
        culprit = f" ({error.filename}: {error.strerror})" if error.filename else f" ({error.strerror})"
        return (
            f"{path}: cannot be written{culprit}. Choose a folder that you may write to (paths.store, "
            "paths.wandb or paths.cache), or change its permissions."
        )
    if isinstance(error, OSError) and code in _BROKEN:
        return f"{path}: the file system failed ({error.strerror}). Check the disk or the network mount."
    return None


def _is_full(path: Path) -> bool:
    existing = next((p for p in (path, *path.parents) if p.exists()), None)
    return existing is not None and shutil.disk_usage(existing).free < _NO_ROOM_BYTES


def write_text_atomic(path: Path, text: str) -> None:
    """Replace ``path`` by ``text``; a reader sees the old content or the new, also after a power cut."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        os.fchmod(handle, 0o666 & ~_umask())  # mkstemp's 0600 would shut colleagues out of a shared store
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    fsync_path(path.parent)


def write_json_atomic(path: Path, obj: Any) -> None:
    """``write_text_atomic`` of indented JSON. NaN and infinity are refused (``ValueError``): not JSON."""
    write_text_atomic(path, json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def fsync_path(path: Path) -> None:
    """Force a file's, or a folder's, content out to the device."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_digest(path: Path) -> str:
    """Hex SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
