"""A server's answers on disk: what was paid for once is never asked again."""

import json
import logging
from pathlib import Path
from threading import Lock
from uuid import uuid4

from salmon.runtime.files import storage_errors

log = logging.getLogger("salmon")

Answer = float | None  # log-odds of "a" against "b"; None = neither letter was among the likely tokens


class AnswerCache:
    """Answers by key, in JSONL files of one folder: ``{"key": hex, "log_odds": number or null}``.

    Each process appends to a file of its own and, at its start, reads those of all: processes cannot mix up
    each other's lines, and a line torn by a kill stays the last of its file, where it is ignored. Several
    threads may use one cache.
    """

    def __init__(self, folder: Path):
        """
        Raises:
            SalmonError: the folder exists but cannot be read.
        """
        self.folder = folder
        self._own = folder / f"answers-{uuid4().hex}.jsonl"
        self._lock = Lock()
        self._answers: dict[str, Answer] = {}
        for path in sorted(folder.glob("*.jsonl")):
            with storage_errors(path):
                self._read(path)

    def __len__(self) -> int:
        return len(self._answers)

    def __contains__(self, key: str) -> bool:
        return key in self._answers

    def __getitem__(self, key: str) -> Answer:
        return self._answers[key]

    def put(self, key: str, answer: Answer) -> None:
        """Keep an answer, on disk before this returns (but not synced: a power cut may take the last ones).

        Raises:
            SalmonError: the folder cannot be written, or the disk is full.
        """
        line = json.dumps({"key": key, "log_odds": answer}, allow_nan=False) + "\n"
        with self._lock, storage_errors(self._own):
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._own.open("a", encoding="utf-8") as file:
                file.write(line)
            self._answers[key] = answer

    def _read(self, path: Path) -> None:
        """Add a file's answers; the first file that has a key counts. A lost line is only asked again."""
        lines = path.read_bytes().splitlines()
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                key, answer = str(row["key"]), row["log_odds"]
                answer = None if answer is None else float(answer)
            except (ValueError, KeyError, TypeError):
                if number < len(lines):
                    log.warning("%s, line %d: not an answer; it will be asked for again", path, number)
                continue
            self._answers.setdefault(key, answer)
