"""Benchmark results at a glance: one line a benchmark, its first figure with a 95 % interval, a column a checkpoint."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

from salmon.runtime.tables import aligned_table
from salmon.view.obedience import TITLES, obedience_lines

Z = NormalDist().inv_cdf(0.975)
COUNTS = "n_"  # what the metrics that count items begin with


def headlines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A table, and below it why figures are lacking and what makes all of them less than the benchmark.

    Args:
        rows: as an evaluation's ``results.json`` has them.
    """
    if not rows:
        return []
    checkpoints = list(dict.fromkeys(row["checkpoint"] for row in rows))
    metrics: dict[str, str] = {}  # by task
    for row in sorted(rows, key=lambda row: row["metric"].startswith(COUNTS)):
        metrics.setdefault(row["task"], row["metric"])
    shown = [row for row in rows if metrics[row["task"]] == row["metric"]]
    cells = {(row["task"], row["checkpoint"]): _cell(row) for row in shown}
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    body = [[f"{task}/{metrics[task]}", *(cells.get((task, name), "") for name in checkpoints)] for task in tasks]
    parts = [aligned_table(["benchmark, in brackets 95 %", *checkpoints], body, rule=True)]
    parts += [table for name in checkpoints for table in _obedience(rows, name)]
    notes = [*_reasons(shown), *_scope(rows)]
    return [*parts, "\n".join(notes)] if notes else parts


def _obedience(rows: Sequence[Mapping[str, Any]], checkpoint: str) -> list[str]:
    lines = obedience_lines({row["metric"]: _cell(row) for row in rows if row["checkpoint"] == checkpoint})
    return [aligned_table([f"{checkpoint}: {TITLES[0]}", *TITLES[1:]], lines, rule=True)] if lines else []


def _cell(row: Mapping[str, Any]) -> str:
    value, stderr = row["value"], row["stderr"]
    if value is None:
        return "not measured"
    low, high = row.get("low"), row.get("high")
    if (low is None or high is None) and stderr is not None:
        low, high = value - Z * stderr, value + Z * stderr
    interval = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{value:.3f}{interval} (n={row['n']})"


def _reasons(shown: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why figures are not there, each reason once."""
    found: dict[tuple[str, str], list[str]] = {}
    for row in shown:
        if row["value"] is None:
            found.setdefault((row["task"], row["note"]), []).append(row["checkpoint"])
    return [f"{task} of {', '.join(names)}: {note}" for (task, note), names in found.items()]


def _scope(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    how = [row.get("provenance") or {} for row in rows]
    limits = sorted({conditions["limit"] for conditions in how if conditions.get("limit")})
    smoke_test = any(conditions.get("smoke_test") for conditions in how)
    return [
        *(["SMOKE TEST on the bundled mini set, not a benchmark"] if smoke_test else []),
        *(f"LIMITED to the first {limit} items of each task" for limit in limits),
        *dict.fromkeys(
            f"{row['task']}: {drawn}" for row in rows if (drawn := (row.get("provenance") or {}).get("drawn"))
        ),
    ]
