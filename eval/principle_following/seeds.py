"""Reward models that differ in the seed of their training only, as one table: how much is chance of the training?"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from eval.principle_following import TASK
from eval.results import Row
from salmon.runtime.artifact import Artifact
from salmon.runtime.files import storage_errors, write_text_atomic
from salmon.runtime.tables import markdown_table
from sweeps.statistics import mean_interval

FILE = "seeds.md"
DECIDING = ("preferences", "reward")  # groups of the manifest's config that make a reward model another one
COUNTS = "n_"  # how the names of counts begin


def write_seeds(folder: Path, rows: Sequence[Row], reward_models: Mapping[str, Artifact]) -> Path | None:
    """Write ``seeds.md``; None, and no file, where no two reward models were trained with the same settings."""
    groups = [names for names in _alike(reward_models) if len(names) > 1]
    if not groups:
        return None
    path = folder / FILE
    with storage_errors(folder):
        write_text_atomic(path, seeds_markdown(groups, [row for row in rows if row.task == TASK]))
    return path


def seeds_markdown(groups: Sequence[Sequence[str]], rows: Sequence[Row]) -> str:
    """A table for each group of checkpoints; a line for each metric that is no count.

    Beside the mean over seeds stand two intervals: Student's t over the seeds, and the mean ends of the seeds' own
    intervals, which are over prompts.
    """
    parts = [
        "# Over seeds",
        "Between seeds: 95 % interval of the mean by Student's t. Within a seed: mean ends of the checkpoints' own "
        "95 % intervals, over prompts.",
    ]
    found = {(row.checkpoint, row.metric): row for row in rows}
    metrics = [name for name in dict.fromkeys(row.metric for row in rows) if not name.startswith(COUNTS)]
    for names in groups:
        lines = [_line(metric, [found.get((name, metric)) for name in names]) for metric in metrics]
        parts.append(markdown_table(["metric", "mean", "between seeds", "within a seed", *names], lines))
    return "\n\n".join(parts) + "\n"


def _line(metric: str, rows: Sequence[Row | None]) -> list[str]:
    values = [None if row is None else row.value for row in rows]
    mean = mean_interval(values)
    spans = [row.interval for row in rows if row is not None and row.value is not None]
    own = [span for span in spans if span is not None]
    within = tuple(sum(ends) / len(own) for ends in zip(*own, strict=True)) if own else None
    between = None if mean.low is None or mean.high is None else (mean.low, mean.high)
    over = _span(between) if between else f"n = {mean.n}"
    return [metric, _number(mean.mean), over, _span(within), *map(_number, values)]


def _number(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"


def _span(ends: Sequence[float] | None) -> str:
    return "" if ends is None else f"[{ends[0]:.3f}, {ends[1]:.3f}]"


def _alike(reward_models: Mapping[str, Artifact]) -> list[list[str]]:
    """Names of the reward models by what they were trained on and with."""
    groups: dict[str, list[str]] = {}
    for name, artifact in reward_models.items():
        config = artifact.manifest.get("config", {})
        key = json.dumps({group: config.get(group) for group in DECIDING}, sort_keys=True, default=str)
        groups.setdefault(key, []).append(name)
    return list(groups.values())
