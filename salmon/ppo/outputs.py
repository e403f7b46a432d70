"""What a PPO run keeps: the state to continue from, the policies, and the final metrics."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from salmon.models.heads import save_scalar_model
from salmon.ppo.models import POLICY, VALUE, PPOModels
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import read_metrics


@dataclass
class TrainingState:
    """What a checkpoint holds besides the trained tensors."""

    kl_coefficient: float
    step: int = 0  # finished updates
    baseline: float | None = None  # held-out reward before the first update
    best: float | None = None  # highest held-out reward after an update
    best_step: int = 0


def save_policy(models: PPOModels, folder: Path) -> None:
    """Replace ``folder`` by the policy as it is now."""
    shutil.rmtree(folder, ignore_errors=True)
    models.shared.save_adapter(POLICY, folder)


def kept_folder(step: int) -> str:
    """Where the policy of an update is kept (``ppo.keep_every``), relative to the artifact."""
    return f"checkpoints/step_{step}"


def save_last(ctx: StageContext, models: PPOModels) -> None:
    """Write the policy and the value model as they are after the last update."""
    ctx.write(lambda: save_policy(models, ctx.work / "last" / "policy"))
    ctx.write(lambda: save_scalar_model(models.shared, VALUE, models.value_head, ctx.work / "last" / "value"))


def name_checkpoints(ctx: StageContext, state: TrainingState, keep_every: int | None) -> None:
    """Tell the manifest which policies there are, and after how many updates."""
    kept = range(keep_every, state.step + 1, keep_every) if keep_every else ()
    ctx.checkpoints.update({f"ppo_step_{step}": kept_folder(step) for step in kept})
    ctx.steps.update({"ppo_best": state.best_step, "ppo_last": state.step})
    ctx.steps.update({f"ppo_step_{step}": step for step in kept})


def read_history(work: Path) -> list[dict]:
    """The metrics that the run has logged so far."""
    path = work / "metrics.jsonl"
    return read_metrics(path) if path.exists() else []


def final_metrics(work: Path, state: TrainingState) -> dict[str, float]:
    """What the run reached, for the manifest and the summary."""
    rows = [row for row in read_history(work) if "objective/score" in row]
    keys = (
        "objective/score",
        "objective/kl",
        "objective/kl_k3",
        "objective/entropy",
        "objective/unfinished_rate",
        "response/length",
        "value/explained_variance",
        "perf/tokens_per_second",
    )
    return {key: rows[-1][key] for key in keys} | {
        "held_out/reward_start": state.baseline,
        "held_out/reward_best": state.best,
        "held_out/best_step": float(state.best_step),
        "objective/updates": float(len(rows)),
    }
