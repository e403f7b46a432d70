"""What an artifact recorded: metrics over steps, sample responses."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.runtime.jsonl import read_records
from salmon.tracking.metrics_file import METRICS, TABLES, read_metrics
from sweeps.renamed_metrics import current_names

REWARD, SCORE, KL, LENGTH = "held_out/reward", "held_out/score", "held_out/kl", "held_out/length"
UNITS = {REWARD: "score", KL: "nats/response", LENGTH: "tokens"}  # what any two policies are compared by


@dataclass(frozen=True)
class Curve:
    """Values of one metric by step; NaN where it was logged and was not finite."""

    values: dict[int, float]

    @property
    def start(self) -> float | None:
        """The value before training (step 0); None where it was not measured then."""
        return self.values.get(0)

    @property
    def end(self) -> float | None:
        return self.values[max(self.values)] if self.values else None

    @property
    def change(self) -> float | None:
        """Last minus first. None without a value before training and another after it."""
        if self.start is None or self.end is None or len(self.values) < 2:
            return None
        return self.end - self.start


def read_curve(artifact: Path, metric: str) -> Curve:
    """The curve of a metric, empty where the artifact did not log it."""
    return read_curves(artifact).get(metric, Curve({}))


def read_curves(artifact: Path) -> dict[str, Curve]:
    """The curves of all metrics that the artifact logged."""
    found: dict[str, dict[int, float]] = {}
    for row in map(current_names, read_metrics(artifact / METRICS)):
        for name, value in row.items():
            if name not in ("step", "time"):
                found.setdefault(name, {})[row["step"]] = math.nan if value is None else float(value)
    return {name: Curve(dict(sorted(values.items()))) for name, values in found.items()}


def read_table(artifact: Path, name: str, last: bool) -> list[dict[str, Any]]:
    """Rows of the first or last table of that name; none where the artifact has none."""
    files = {int(path.stem.rpartition("_")[2]): path for path in (artifact / TABLES).glob(f"{name}_*.jsonl")}
    if not files:
        return []
    return read_records(files[max(files) if last else min(files)])
