"""What an evaluation reports: rows, their files, and the table people read."""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from eval.clusters import share_interval, weighted_mean
from eval.intervals import normal_interval
from eval.provenance import Provenance
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors, write_json_atomic, write_text_atomic
from salmon.runtime.foreign import read_json
from salmon.runtime.tables import markdown_table

VERSION = 4  # raised where equal outputs give other figures or intervals

COUNTS = "n_"  # what the metrics that count items begin with

log = logging.getLogger("salmon")


class Unavailable(Exception):
    """A task cannot be done here and now (no network, no key); the message becomes the note of its row.

    The evaluation is not finished then: the same command tries it again.
    """


class NoData(Unavailable):
    """The local folder has no data for a task, which is as final as the folder's content."""


@dataclass(frozen=True)
class Row:
    """One figure about one checkpoint.

    ``n`` counts the items behind ``value``. Where there is no figure ``value`` is None and ``note`` says why.
    """

    checkpoint: str
    task: str
    metric: str
    value: float | None
    stderr: float | None
    n: int
    note: str
    low: float | None = None  # 95 % interval, where the task gives one
    high: float | None = None
    provenance: Provenance | None = None  # how it was measured, where the task says
    series: str | None = None  # artifact of the training run that the checkpoint is a moment of, where that is known
    step: int | None = None  # updates of that run until then
    pending: bool = False  # no figure yet: the same command tries again
    items: dict[str, float] | None = None  # score of each item by its name, of figures that checkpoints are compared by

    @classmethod
    def of(cls, saved: dict[str, Any]) -> "Row":
        """What ``asdict`` made of a row, of this version or an earlier one."""
        return cls(**{**saved, "provenance": Provenance.of(saved.get("provenance"))})

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval: the task's own, or by the standard error; None where there is neither."""
        if self.low is not None and self.high is not None:
            return self.low, self.high
        if self.value is None or self.stderr is None:
            return None
        return normal_interval(self.value, self.stderr)

    @property
    def lacking(self) -> bool:
        """Whether something behind it failed that may succeed when it is tried again."""
        return self.pending or (self.metric == "n_failed" and bool(self.value))

    def renamed(self, checkpoint: str) -> "Row":
        """The same figure for a checkpoint with identical weights."""
        return replace(self, checkpoint=checkpoint, note=f"{self.note}; same adapter as {self.checkpoint}")


@dataclass(frozen=True)
class TaskRows:
    """Makes the rows about one checkpoint on one task."""

    checkpoint: str
    task: str
    how: Provenance

    def mean(
        self,
        metric: str,
        values: Sequence[float],
        clusters: Sequence[Any] | None = None,
        items: Sequence[str | None] = (),
    ) -> Row:
        """The mean of the items' scores, which are from 0 to 1, with its standard error and 95 % interval.

        Args:
            clusters: what each item belongs to, such as its question, where several items have it in common; None:
                every item stands alone.
            items: names of the items, by which two checkpoints are compared; not kept where one has none.
        """
        strata = [(values, range(len(values)) if clusters is None else clusters, 1.0)] if values else []
        mean, stderr = weighted_mean(strata) if strata else (None, None)
        interval = None if mean is None else share_interval(strata, mean, stderr)
        low, high = interval or (None, None)
        named = {name: value for name, value in zip(items, values, strict=bool(items)) if name is not None}
        whole = named if len(named) == len(values) else None
        n, note = len(values), self.how.text
        return Row(self.checkpoint, self.task, metric, mean, stderr, n, note, low, high, self.how, items=whole)

    def mean_on_scale(self, metric: str, values: Sequence[float]) -> Row:
        """The mean of scores on any other scale, with its standard error where they vary."""
        mean, stderr = mean_and_stderr(values)
        return Row(
            self.checkpoint, self.task, metric, mean, stderr or None, len(values), self.how.text, provenance=self.how
        )

    def mean_of_parts(self, metric: str, parts: Sequence[Row]) -> Row:
        """The mean of independent means, each counting the same, with its standard error sqrt(sum se^2) / k.

        None where a part has no error, or none of them varies: an error of 0 would claim a certainty that is not there.
        """
        mean, _ = mean_and_stderr([part.value for part in parts if part.value is not None])
        errors = [part.stderr for part in parts if part.stderr is not None]
        stderr = math.hypot(*errors) / len(parts) if any(errors) and len(errors) == len(parts) else None
        n = sum(part.n for part in parts)
        return Row(self.checkpoint, self.task, metric, mean, stderr, n, self.how.text, provenance=self.how)

    def count(self, metric: str, count: int, n: int) -> Row:
        """How many of ``n`` items; ``metric`` begins with ``n_``."""
        return Row(self.checkpoint, self.task, metric, float(count), None, n, self.how.text, provenance=self.how)


def mean_and_stderr(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Mean and its standard error, sample standard deviation (n - 1) / sqrt(n); None where undefined."""
    if not values:
        return None, None
    mean = sum(values) / len(values)
    if len(values) == 1:
        return mean, None
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, math.sqrt(variance / len(values))


def metrics_of_rows(rows: Sequence[Row]) -> dict[str, float]:
    """Every figure that exists, under ``eval/<checkpoint>/<task>/<metric>``."""
    return {f"eval/{row.checkpoint}/{row.task}/{row.metric}": row.value for row in rows if row.value is not None}


def metrics_by_step(rows: Sequence[Row]) -> dict[int, dict[str, float]]:
    """Every figure that exists at the step of its checkpoint, ``eval/<run>/<task>/<metric>``; steps ascend.

    So a metric of a training run is one line, whatever its checkpoints are called; of two checkpoints of one step the
    first counts. A checkpoint without a step is a run of its own at step 0.
    """
    found: dict[int, dict[str, float]] = {}
    names = run_names(rows)
    for row in rows:
        if row.value is not None:
            run = row.checkpoint if row.series is None else names[row.series]
            found.setdefault(row.step or 0, {}).setdefault(f"eval/{run}/{row.task}/{row.metric}", row.value)
    return dict(sorted(found.items()))


def run_names(rows: Sequence[Row]) -> dict[str, str]:
    """Each series as people call it: by its stage, and by its fingerprint too where the stage has several."""
    series = list(dict.fromkeys(row.series for row in rows if row.series is not None))
    stages = [name.rpartition("-")[0] for name in series]
    return {
        name: stage if stages.count(stage) == 1 else f"{stage}-{name.rpartition('-')[2][:8]}"
        for name, stage in zip(series, stages, strict=True)
    }


def save_rows(path: Path, key: dict[str, Any], rows: Sequence[Row]) -> None:
    """Write one finished task; ``key`` is every setting that its figures depend on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json_atomic(path, {"version": VERSION, "key": key, "rows": [asdict(row) for row in rows]})


def load_rows(path: Path, key: dict[str, Any]) -> list[Row] | None:
    """The rows of a finished task, or None where it has not been done with these settings.

    A file that is damaged is set aside, and the task measured again from the outputs that are kept.
    """
    if not path.is_file():
        return None
    try:
        saved = read_json(path)
        if (saved["version"], saved["key"]) != (VERSION, key):
            return None
        return [Row.of(row) for row in saved["rows"]]
    except (SalmonError, TypeError, KeyError) as error:
        aside = path.with_name(f".{path.name}.damaged")
        path.replace(aside)
        log.warning("%s is damaged (%s); it is now %s, and the task is measured again", path, error, aside)
        return None


def write_results(folder: Path, rows: Sequence[Row], facts: dict[str, Any], lists: Sequence[str] = ()) -> None:
    """``results.json`` (``facts`` about the run, then all rows), and ``results.md`` with ``lists`` below the table."""
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_json_atomic(folder / "results.json", {**facts, "rows": [asdict(row) for row in rows]})
        write_text_atomic(folder / "results.md", "\n".join([results_markdown(rows), *lists]))


def results_markdown(rows: Sequence[Row]) -> str:
    """A line per task and metric, a column per checkpoint; what must be known about a line stands below."""
    checkpoints = list(dict.fromkeys(row.checkpoint for row in rows))
    lines = list(dict.fromkeys((row.task, row.metric) for row in rows))
    cells = {(row.task, row.metric, row.checkpoint): row for row in rows}
    body = [
        [task, metric, *(_cell(cells.get((task, metric, checkpoint))) for checkpoint in checkpoints)]
        for task, metric in lines
    ]
    header = ["task", "metric", *checkpoints]
    parts = [markdown_table(header, body, right=range(2, len(header))), ""]
    notes: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        notes.setdefault((row.task, row.note), []).append(row.checkpoint)
    for (task, note), names in notes.items():
        about = "" if set(names) == set(checkpoints) else f" ({', '.join(dict.fromkeys(names))})"
        parts.append(f"- {task}{about}: {note}")
    return "\n".join(parts) + "\n"


def _cell(row: Row | None) -> str:
    if row is None or row.value is None:
        return "n/a"
    if row.metric.startswith(COUNTS):
        return f"{row.value:.0f}"
    error = "" if row.stderr is None else f" ± {row.stderr:.3f}"
    if row.low is not None and row.high is not None:
        error = f" [{row.low:.3f}, {row.high:.3f}]"
    return f"{row.value:.3f}{error} (n={row.n})"
