"""The local record of a stage: ``metrics.jsonl`` and tables. Always written; tests and plots read it."""

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.runtime.files import storage_errors, write_text_atomic

METRICS = "metrics.jsonl"
TABLES = "tables"
_TABLE_NAME = re.compile(r"[a-z0-9_]+")


@dataclass(frozen=True)
class MetricsFile:
    """Appends to ``<work>/metrics.jsonl`` and writes ``<work>/tables/<name>_<step>.jsonl``.

    No file stays open between calls, so the folder can be renamed (committed) at any time.
    """

    work: Path

    def append(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the line ``{"step", "time" (Unix seconds), **metrics}``; non-finite values become null."""
        finite = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        line = json.dumps({"step": step, "time": round(time.time(), 3), **finite}, ensure_ascii=False)
        with storage_errors(self.work), (self.work / METRICS).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int) -> None:
        """Write a table, one row a line as ``{column: value}``; the same name and step replaces it."""
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError(f"table name {name!r}: use lower-case letters, digits and _")
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(f"table {name}: a row has {len(row)} values for {len(columns)} columns")
        lines = (json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
        folder = self.work / TABLES
        with storage_errors(self.work):
            folder.mkdir(exist_ok=True)
            write_text_atomic(folder / f"{name}_{step}.jsonl", "".join(lines))

    def rewind(self, step: float) -> None:
        """Forget lines and tables of later steps, and a last line that a kill cut off."""
        path = self.work / METRICS
        with storage_errors(self.work):
            if path.exists():
                rows = [row for row in read_metrics(path) if row["step"] <= step]
                write_text_atomic(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
            for table in (self.work / TABLES).glob("*.jsonl"):
                if int(table.stem.rpartition("_")[2]) > step:
                    table.unlink()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The rows of a ``metrics.jsonl``, without a last line that was cut off by a kill."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]  # what follows the last newline is "" or a torn line
