"""The table at the end of a job: what each stage cost and reached, benchmark scores, where to look."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from salmon.config.schema import Config, WandbMode
from salmon.pipeline import Execution
from salmon.runtime.progress import format_duration

# What each stage is judged by at a glance: metric -> how the table words it.
REACHED = {
    "sft": {"selfalign/kept": "answers kept {:.0f}", "sft/loss": "loss {:.3f}"},
    "preferences": {"pairs/rows_train": "rows {:.0f}", "judge/tie_rate": "judge ties {:.0%}",
                    "judge/position_bias": "position bias {:+.2f}"},
    "reward": {"reward/loss": "loss {:.3f}", "held_out/accuracy": "held-out accuracy {:.2f}",
               "held_out/rows": "on {:.0f} rows"},
    "ppo": {"held_out/reward_start": "held-out reward {:.3f}", "held_out/reward_best": "to {:.3f}",
            "objective/kl": "KL {:.3f}", "perf/tokens_per_second": "{:.0f} sampled tokens/s"},
}  # fmt: skip


def report(cfg: Config, executions: Sequence[Execution], folder: Path, seconds: float) -> str:
    """The whole closing text of a job."""
    parts = [table(["stage", "time", "peak GiB", "reached"], [_stage_row(e) for e in executions])]
    if scores := benchmark_rows(executions):
        parts.append(table(["benchmark", *sorted({name for row in scores.values() for name in row}, key=_by_stage)],
                           _score_cells(scores)))
        if cfg.eval.data_dir == "mini":
            parts.append("Benchmarks: the bundled mini set, a smoke test of a dozen items each; never quote it.")
    lines = [f"total {format_duration(seconds)}; job folder {folder}",
             *(f"  {e.label:<12} {e.artifact.path}" for e in executions)]
    if cfg.tracking.wandb is not WandbMode.disabled:
        wandb = Path(cfg.paths.wandb) / "wandb"
        lines += [f"look at the runs:  wandb leet {wandb}"]
        if cfg.tracking.wandb is WandbMode.offline:
            lines += [f"upload them:       wandb sync {wandb}/offline-run-*"]
    return "\n" + "\n\n".join([*parts, "\n".join(lines)]) + "\n"


def benchmark_rows(executions: Iterable[Execution]) -> dict[str, dict[str, float]]:
    """Benchmark -> checkpoint -> value, from metrics named eval/<checkpoint>/<task>/<metric>."""
    rows: dict[str, dict[str, float]] = {}
    for execution in executions:
        for name, value in execution.artifact.metrics.items():
            family, _, rest = name.partition("/")
            if family == "eval":
                checkpoint, _, benchmark = rest.partition("/")
                rows.setdefault(benchmark, {})[checkpoint] = value
    return rows


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Aligned columns for the terminal."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def _stage_row(execution: Execution) -> list[str]:
    metrics = execution.artifact.metrics
    reached = [text.format(metrics[name]) for name, text in REACHED.get(execution.artifact.stage, {}).items()
               if name in metrics]
    took = format_duration(metrics["time/total_s"]) + (" (reused)" if execution.reused else "")
    return [execution.label, took, f"{metrics['perf/peak_memory_gib']:.1f}", ", ".join(reached)]


def _score_cells(scores: dict[str, dict[str, float]]) -> list[list[str]]:
    checkpoints = sorted({name for row in scores.values() for name in row}, key=_by_stage)
    return [[benchmark, *(f"{row[c]:.3f}" if c in row else "" for c in checkpoints)]
            for benchmark, row in sorted(scores.items())]


def _by_stage(checkpoint: str) -> tuple[int, str]:
    return (0 if checkpoint.startswith("sft") else 1, checkpoint)
