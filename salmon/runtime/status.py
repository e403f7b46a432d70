"""status.json of a job's folder: its state, stage and progress, for whoever looks from outside."""

import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Required, cast

from typing_extensions import TypedDict

from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors, write_json_atomic
from salmon.runtime.foreign import read_json, read_json_as
from salmon.runtime.progress import Step

DAMAGED = "It was damaged: delete the job's folder and run its job again"
_SECONDS_BETWEEN_WRITES = 1.0


class Position(TypedDict, total=False):
    """``progress`` in status.json: the fields of ``Step``."""

    done: Required[int]
    total: Required[int]
    unit: Required[str]
    seconds_left: Required[float | None]
    columns: Required[dict[str, float | None]]


class Status(TypedDict, total=False):
    """status.json. What starts a job may have written it before the job itself does, with fewer keys."""

    state: Required[str]
    stage: str | None
    error: str | None
    progress: Position | None
    work: str | None
    process: int
    host: str
    updated: str


class StatusFile(logging.Handler):
    """Owns status.json; as a handler of the logger that ``Progress`` writes to, it keeps the last step in it too.

    Keys: ``state`` (running, finished, failed, interrupted, requeued), ``stage``, ``error``, ``progress`` (the fields
    of ``Step``, or null between stages), ``work`` (the folder that the stage is made in), ``process`` and ``host`` (who
    writes), ``updated`` (UTC).
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self._written = -_SECONDS_BETWEEN_WRITES
        self._content: dict[str, Any] = {
            "state": "running",
            "stage": None,
            "error": None,
            "progress": None,
            "work": None,
            "process": os.getpid(),
            "host": socket.gethostname(),
        }
        self.save()

    def save(self, **changes: Any) -> None:
        """Raises ``SalmonError`` where the file cannot be written."""
        self._content.update(changes, updated=datetime.now(UTC).isoformat(timespec="seconds"))
        with storage_errors(self._path.parent):
            write_json_atomic(self._path, self._content)

    def emit(self, record: logging.LogRecord) -> None:
        step: Step | None = getattr(record, "step", None)
        now = self._clock()
        if step is None or (now - self._written < _SECONDS_BETWEEN_WRITES and step.done < step.total):
            return
        self._written = now
        try:
            self.save(progress=asdict(step))
        except SalmonError:
            pass  # the stage itself says that the disk is full


def failure_of(path: Path, otherwise: str) -> str | None:
    """The error that a job which has ended wrote to its status.json.

    None where it could not: ``otherwise`` is written there in its place.
    """
    status = read_status(path) or {"stage": None}
    if status.get("state") == "failed":
        return str(status.get("error"))
    if status.get("state") == "interrupted":
        return f"interrupted {status.get('error')}"
    with storage_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json_atomic(path, status | {"state": "failed", "error": otherwise})
    return None


def process_gone(status: Mapping[str, Any]) -> bool:
    """Whether the process that wrote the status is no longer there; False where it ran on another machine."""
    if status.get("host") != socket.gethostname():
        return False
    try:
        os.kill(status.get("process", 0), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's
        pass
    return False


def read_state(path: Path) -> dict[str, Any] | None:
    """A JSON file of a job's folder; None where it is not there yet.

    Raises:
        SalmonError: it was damaged: files are replaced whole.
    """
    return _unless_absent(path, partial(read_json, path, advice=DAMAGED))


def read_status(path: Path) -> dict[str, Any] | None:
    """The status.json of a job, its values of their types; None where it is not there yet.

    Raises:
        SalmonError: it was damaged.
    """
    return cast(dict[str, Any], _unless_absent(path, partial(read_json_as, path, Status, DAMAGED)))


def _unless_absent(path: Path, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except SalmonError:
        if path.exists():
            raise
        return None
