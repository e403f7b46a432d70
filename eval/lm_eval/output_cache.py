"""What a model gave for each request of lm-eval, on disk at once, so that an interrupted evaluation continues."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from salmon.runtime.jsonl import append_records, recover_grown


class OutputCache:
    """Outputs by request, in a file of lines ``{"request": hash, "output": value}``.

    The file must be of one model with one adapter: a request does not say whose answer it is.
    """

    def __init__(self, path: Path | None) -> None:
        """
        Args:
            path: None keeps the outputs in memory only.
        """
        self._path = path
        saved = [] if path is None else recover_grown(path, lambda row: {"request", "output"} <= row.keys())
        self._outputs = {row["request"]: row["output"] for row in saved}

    def get(self, request: str) -> Any:
        """The output of a request, or None."""
        return self._outputs.get(request)

    def add(self, outputs: Mapping[str, Any]) -> None:
        """Keep outputs, by request.

        Raises:
            SalmonError: the disk is full.
        """
        if self._path is not None:
            append_records(self._path, [{"request": request, "output": output} for request, output in outputs.items()])
        self._outputs |= outputs


def request_key(*arguments: Any) -> str:
    """32 hex digits of what is asked: texts and settings, as JSON."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:32]
