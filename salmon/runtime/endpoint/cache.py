"""An endpoint's replies on disk: what was paid for once is never asked again."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from filelock import FileLock

from salmon.runtime.endpoint.messages import Reply
from salmon.runtime.files import storage_errors
from salmon.runtime.jsonl import Record, append_records, parse_record

log = logging.getLogger("salmon")

FILES = "replies-*.jsonl"


class ReplyCache:
    """Replies by key, in files of one folder: lines ``{"key": hex, "request": {...}, "reply": {...}}``.

    Each process appends to a file of its own and reads those of the others, so that no two of them mix up their
    lines. A line that a kill cut off stays the last of its file, where it is ignored; its reply is asked for again.
    Several threads may use one cache.
    """

    def __init__(self, folder: Path, with_requests: bool = True):
        """
        Args:
            folder: made when there is something to keep.
            with_requests: write each request beside its reply, for a person to read. Many short replies to long
                requests take a fraction of the room without.

        Raises:
            SalmonError: the folder is there but cannot be read.
        """
        self.folder = folder
        self._with_requests = with_requests
        self._own = folder / FILES.replace("*", uuid4().hex)
        self._lock = Lock()
        self._replies: dict[str, Reply] = {}
        self._read: dict[Path, tuple[int, int]] = {}  # file -> (bytes, lines) that were read
        self.refresh()

    def __len__(self) -> int:
        return len(self._replies)

    def get(self, key: str) -> Reply | None:
        """The reply that was kept under a key, as far as the files were read."""
        return self._replies.get(key)

    def refresh(self) -> None:
        """Read what other processes have added."""
        with self._lock, storage_errors(self.folder):
            for path in sorted(self.folder.glob(FILES)) if self.folder.is_dir() else ():
                if path != self._own:
                    self._read_added(path)

    def put(self, key: str, request: dict[str, Any], reply: Reply) -> None:
        """Keep a reply: it is on disk before this returns (but not synced: a power cut may take the last ones).

        Raises:
            SalmonError: the folder cannot be written, or the disk is full.
        """
        row: Record = {"key": key} | ({"request": request} if self._with_requests else {}) | {"reply": _plain(reply)}
        with self._lock:
            append_records(self._own, [row])
            self._replies[key] = _cached(row)

    @contextmanager
    def claim(self, key: str) -> Iterator[None]:
        """Inside of this block no other thread or process asks for the same key.

        Who waits for it finds the reply after ``refresh``.

        Raises:
            SalmonError: the folder cannot be written.
        """
        path = self.folder / f"{key}.lock"
        lock = FileLock(path)
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            lock.release()

    def _read_added(self, path: Path) -> None:
        """Add the replies of a file's new lines; the first file that has a key counts."""
        start, number = self._read.get(path, (0, 0))
        if path.stat().st_size == start:
            return
        with path.open("rb") as file:
            file.seek(start)
            whole, newline, _ = file.read().rpartition(b"\n")
        for line in whole.split(b"\n") if newline else ():
            number += 1
            try:
                row = parse_record(line, finite=False)
                self._replies.setdefault(str(row["key"]), _cached(row))
            except (ValueError, KeyError, TypeError) as error:
                log.warning("%s, line %d: not a reply (%s); it will be asked for again", path, number, error)
        self._read[path] = (start + len(whole) + len(newline), number)


def _plain(reply: Reply) -> dict[str, Any]:
    return {name: value for name, value in asdict(reply).items() if name not in ("failure", "cached")}


def _cached(row: Record) -> Reply:
    """The reply of a line; KeyError, TypeError or ValueError if there is none."""
    saved = row["reply"]
    if not isinstance(saved["text"], str):
        raise ValueError("the text is not a text")
    listed = tuple(tuple((str(token), float(value)) for token, value in place) for place in saved["top_logprobs"])
    return Reply(**{**saved, "top_logprobs": listed}, cached=True)
