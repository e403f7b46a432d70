"""The table at the end of a job: what each stage cost and reached, benchmark scores, where to look."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from salmon.config.run import WandbMode
from salmon.config.schema import Config
from salmon.pipeline.effect import effect_lines
from salmon.pipeline.headlines import headlines
from salmon.pipeline.pipeline import Execution
from salmon.runtime.foreign import read_json
from salmon.runtime.progress import format_duration
from salmon.runtime.tables import aligned_table
from salmon.view.job.reached import reached_text


def closing_report(
    cfg: Config, executions: Sequence[Execution], folder: Path, seconds: float, conclusions: Sequence[str] = ()
) -> str:
    """The whole closing text of a job.

    Args:
        conclusions: sentences on what the figures allow to conclude.
    """
    parts = [aligned_table(["stage", "time", "peak GiB", "reached"], [_stage_row(e) for e in executions], rule=True)]
    parts += headlines(benchmark_rows(executions))
    parts += ["\n".join(conclusions)] if conclusions else []
    parts += effect_lines(executions)
    lines = [
        f"total {format_duration(seconds)}; job folder {folder}",
        *(f"  {e.label:<12} {e.artifact.path}" for e in executions),
        *(["all figures:       results.md of each evaluation"] if benchmark_rows(executions) else []),
    ]
    if cfg.tracking.wandb is not WandbMode.disabled:
        wandb = Path(cfg.paths.wandb) / "wandb"
        lines += [f"look at the runs:  wandb leet {wandb}"]
        if cfg.tracking.wandb is WandbMode.offline:
            lines += [f"upload them:       python -m sweeps.sync {wandb}"]
    return "\n" + "\n\n".join([*parts, "\n".join(lines)]) + "\n"


def benchmark_rows(executions: Iterable[Execution]) -> list[dict[str, Any]]:
    """The rows of all evaluations of the job, as their results.json has them."""
    files = [e.artifact.path / "results.json" for e in executions if e.artifact.stage == "eval"]
    return [row for file in files for row in read_json(file)["rows"]]


def _stage_row(execution: Execution) -> list[str]:
    metrics = execution.artifact.metrics
    took = format_duration(metrics["time/total_s"]) + (" (reused)" if execution.reused else "")
    reached = reached_text(execution.artifact.stage, metrics)
    return [execution.label, took, f"{metrics['perf/peak_memory_gib']:.1f}", reached]
