"""The local record of a stage: ``metrics.jsonl`` and tables. Always written; tests and plots read it."""

import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.runtime.files import storage_errors
from salmon.runtime.jsonl import Record, append_records, read_grown, recover_grown, rewrite_records

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
        row = {"step": step, "time": round(time.time(), 3), **finite}
        append_records(self.work / METRICS, [row], ascii_only=False)

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int) -> None:
        """Write a table, one row a line as ``{column: value}``; the same name and step replaces it."""
        if not _TABLE_NAME.fullmatch(name):
            raise ValueError(f"table name {name!r}: use lower-case letters, digits and _")
        for row in rows:
            if len(row) != len(columns):
                raise ValueError(f"table {name}: a row has {len(row)} values for {len(columns)} columns")
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        rewrite_records(self.work / TABLES / f"{name}_{step}.jsonl", records, ascii_only=False)

    def recover(self) -> None:
        """Drop what a kill cut off; from a damaged line on, set the lines aside."""
        recover_grown(self.work / METRICS, valid=_is_row)

    def last_step(self) -> int:
        """Step of the last line; 0 where there is none."""
        rows = read_metrics(self.work / METRICS)
        return int(rows[-1]["step"]) if rows else 0

    def rewind(self, step: float) -> None:
        """Forget lines and tables of later steps, and a last line that a kill cut off."""
        path = self.work / METRICS
        with storage_errors(self.work):
            if path.exists():
                rewrite_records(path, [row for row in read_metrics(path) if row["step"] <= step], ascii_only=False)
            for table in (self.work / TABLES).glob("*.jsonl"):
                made_at = table.stem.rpartition("_")[2]
                if made_at.isdecimal() and int(made_at) > step:
                    table.unlink()


def _is_row(record: Record) -> bool:
    return isinstance(record.get("step"), int)


def read_metrics(path: Path) -> list[Record]:
    """The rows of a ``metrics.jsonl``; none where there is no such file.

    A last line that a kill cut off is left out.
    """
    return read_grown(path)
