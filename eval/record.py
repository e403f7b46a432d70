"""The results of an evaluation: their files, their pictures, and what the tracker gets."""

from pathlib import Path

from eval.checkpoints import Checkpoints, adapter_hash
from eval.conclusions import conclusions
from eval.config import EvalApp
from eval.curves import CURVES
from eval.curves.files import draw_learning_curves
from eval.mt_bench.figure import FILE as RADAR
from eval.mt_bench.figure import radar
from eval.principle_following import TASK as PRINCIPLE_FOLLOWING
from eval.principle_following.seeds import write_seeds
from eval.results import Row, metrics_by_step, metrics_of_rows, write_results
from eval.unfinished import require_finished
from salmon.config.schema import Config
from salmon.runtime.environment import command_line, git_revision, versions
from salmon.runtime.fingerprint import recorded
from salmon.tracking.tracker import Tracker

CONCLUSIONS = "## What these figures allow to conclude"
COLUMNS = ("checkpoint", "task", "metric", "value", "stderr", "n", "note", "low", "high", "series", "step")


def record(
    cfg: Config | EvalApp, checkpoints: Checkpoints, rows: list[Row], work: Path, tracker: Tracker
) -> dict[str, float]:
    """Write the results and, once they are whole, track them, each checkpoint at its step; the metrics.

    Raises:
        Unfinished: some figures are lacking that the same command may still get.
    """
    said = conclusions(rows)
    lists = ["", CONCLUSIONS, "", *(f"- {sentence}" for sentence in said), ""] if said else []
    write_results(work, rows, {**_facts(cfg, checkpoints), "conclusions": said}, lists)
    write_seeds(work, rows, checkpoints.reward_models)
    require_finished(rows, work)
    tracker.rewind(-1)  # what a run recorded that was killed after this line
    for step, figures in metrics_by_step(rows).items():
        tracker.log(step, figures)
    tracker.table("results", list(COLUMNS), [[getattr(row, column) for column in COLUMNS] for row in rows], 0)
    _draw(rows, work, tracker)
    metrics = metrics_of_rows(rows)
    tracker.summary(metrics)
    return metrics


def _facts(cfg: Config | EvalApp, checkpoints: Checkpoints) -> dict[str, object]:
    """What an evaluation depends on, for ``results.json``."""
    return {
        "suite": cfg.eval.name,
        "model": cfg.model.name,
        "settings": recorded(cfg.eval),
        "seed": cfg.seed,
        "base": {"path": cfg.model.path, "revision": cfg.model.revision},
        "checkpoints": _identities(checkpoints),
        "command": command_line(),
        "git": git_revision(),
        "versions": versions(),
    }


def _draw(rows: list[Row], work: Path, tracker: Tracker) -> None:
    """The pictures, where there is something to draw."""
    if (figure := radar(work / RADAR, rows)) is not None:
        tracker.image(figure.stem, figure, 0)
    if drawn := draw_learning_curves(work, rows):
        tracker.image(CURVES, drawn, 0)
    for name in dict.fromkeys(row.checkpoint for row in rows if row.task == PRINCIPLE_FOLLOWING):
        tracker.image(f"{name}_matrix", work / name / PRINCIPLE_FOLLOWING / "matrix.png", 0)


def _identities(checkpoints: Checkpoints) -> dict[str, str]:
    """What tells each checkpoint from all others: hashes of an adapter, or the fingerprint of a reward artifact."""
    policies = {name: adapter_hash(adapter) for name, adapter in checkpoints.policies.items()}
    return policies | {name: artifact.fingerprint for name, artifact in checkpoints.reward_models.items()}
