"""What a model gave for each request of lm-eval, kept as it comes, so that an evaluation goes on where it was."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eval.jsonl import append_rows, read_rows


class KeptOutputs:
    """Lines ``{"request": hash, "output": value}`` of a file; None keeps them in memory only.

    The file must be of one model with one adapter: a request does not say whose answer it is.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._outputs = {} if path is None else {row["request"]: row["output"] for row in read_rows(path)}

    def get(self, request: str) -> Any:
        """The output, or None."""
        return self._outputs.get(request)

    def add(self, outputs: Mapping[str, Any]) -> None:
        """Keep outputs, by request; raises ``SalmonError`` where the disk is full."""
        if self._path is not None:
            append_rows(self._path, [{"request": request, "output": output} for request, output in outputs.items()])
        self._outputs |= outputs


def request_key(*arguments: Any) -> str:
    """32 hex digits of what is asked: texts and settings, as JSON."""
    return hashlib.sha256(json.dumps(arguments, sort_keys=True).encode()).hexdigest()[:32]
