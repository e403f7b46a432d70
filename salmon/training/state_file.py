"""The state of an interrupted training on disk: each is written whole, and the one before it is kept."""

import logging
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from salmon.errors import SalmonError
from salmon.runtime.files import fsync_path, storage_errors

log = logging.getLogger("salmon")

KEYS = {"parameters", "optimizer", "extras"}


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Replace ``path`` in one step, and keep what it held as ``previous``; makes its folder.

    Raises:
        SalmonError: it cannot be written; the states that are there stay.
    """
    assert state.keys() == KEYS
    temporary = path.with_suffix(".tmp")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:  # torch.save itself reports an unwritable path as a RuntimeError
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            if path.exists():
                path.replace(previous(path))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_path(path.parent)


def previous(path: Path) -> Path:
    """Where the state before the last one is."""
    return path.with_suffix(f".previous{path.suffix}")


def last_usable_state(path: Path, usable: Callable[[dict[str, Any]], bool]) -> Path | None:
    """The newest of the two states that is whole, and whose extras are ``usable``; None where there is none.

    One that is not is set aside, and named in the log.

    Raises:
        SalmonError: a file cannot be opened.
    """
    for candidate in (path, previous(path)):
        if not candidate.exists():
            continue
        fault = _fault(candidate)
        if fault is None and not usable(load_state(candidate, mmap=True)["extras"]):
            fault = "metrics.jsonl does not reach as far as it does"
        if fault is None:
            return candidate
        aside = candidate.with_name(f"{candidate.name}.damaged")
        candidate.replace(aside)
        log.warning(
            "%s cannot be used (%s), and is now %s. The training goes on from the state before it, or from its start",
            candidate,
            fault,
            aside.name,
        )
    return None


def load_state(path: Path, mmap: bool = False) -> dict[str, Any]:
    """A whole state; ``mmap``: its tensors stay in the file until they are used."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap)
    return state


def _fault(path: Path) -> str | None:
    """Why a file is no whole state; None where it is one. torch itself does not look at the checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError, zlib.error) as error:
        return f"it is cut or damaged: {error}"
    except OSError as error:
        raise SalmonError(f"{path} cannot be read: {error.strerror}") from error
    if damaged is not None:
        return f"it is damaged in {damaged}"
    try:
        state = load_state(path, mmap=True)
    except Exception as error:  # the file is as it was written, so something else was written to it
        return f"it is no state: {' '.join(str(error).split())[:100]}"
    return None if isinstance(state, dict) and state.keys() == KEYS else "it is no state of a training"
