"""What a PPO run keeps: the state to continue from, the policies, and the final metrics."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from salmon.core.paired import paired_change
from salmon.models.heads import save_scalar_model
from salmon.ppo.models import POLICY, VALUE, PPOModels
from salmon.ppo.sentinel import ALARM
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import read_metrics


@dataclass
class TrainingState:
    """What a checkpoint holds besides the trained tensors."""

    kl_coefficient: float
    step: int = 0  # finished updates
    start: list[float] = field(default_factory=list)  # reward of each held-out prompt before the first update
    last: list[float] = field(default_factory=list)  # the same at the latest evaluation
    start_checks: dict[str, list[float]] = field(default_factory=dict)  # of each monitored principle, likewise
    last_checks: dict[str, list[float]] = field(default_factory=dict)
    stopped: bool = False  # by the sentinel, after ``step`` updates
    best: float | None = None  # highest mean of these after an update
    best_step: int = 0

    @property
    def baseline(self) -> float:
        """Held-out reward before the first update."""
        return fmean(self.start)

    @property
    def held_out(self) -> dict[str, tuple[list[float], list[float]]]:
        """Metric -> values of each held-out prompt before training and at the latest evaluation, if there was one."""
        if not self.last:
            return {}
        checks = {f"held_out/check/{name}": (self.start_checks[name], now) for name, now in self.last_checks.items()}
        return {"held_out/reward": (self.start, self.last), **checks}


def save_policy(models: PPOModels, folder: Path) -> None:
    """Replace ``folder`` by the policy as it is now."""
    shutil.rmtree(folder, ignore_errors=True)
    models.shared.save_adapter(POLICY, folder)


def kept_folder(step: int) -> str:
    """Where the policy of an update is kept (``ppo.keep_every``), relative to the artifact."""
    return f"checkpoints/step_{step}"


def save_last(ctx: StageContext, models: PPOModels) -> None:
    """Write the policy and, where there is one, the value model as they are after the last update."""
    ctx.write(lambda: save_policy(models, ctx.work / "last" / "policy"))
    value_head = models.value_head
    if value_head is not None:
        ctx.write(lambda: save_scalar_model(models.shared, VALUE, value_head, ctx.work / "last" / "value"))


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
        "value/explained_variance",  # with a value model
        "perf/tokens_per_second",
    )
    return (
        {key: rows[-1][key] for key in keys if key in rows[-1]}
        | held_out_changes(state.held_out)
        | {
            "held_out/reward_best": state.best,
            "held_out/best_step": float(state.best_step),
            "objective/updates": float(len(rows)),
        }
        | alarm_metrics(rows)
    )


def alarm_metrics(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """How many updates the sentinel had an alarm at, and the first; nothing of a run that it did not watch."""
    watched = [row for row in rows if ALARM in row]
    alarmed = [float(row["step"]) for row in watched if row[ALARM]]
    first = {"sentinel/first_alarm": alarmed[0]} if alarmed else {}
    return ({"sentinel/alarms": float(len(alarmed))} if watched else {}) | first


def held_out_changes(values: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> dict[str, float]:
    """What the last policy has gained on the held-out prompts, with the interval of the paired t-test at 95 %.

    Not the best one: it was chosen as the highest of several draws, which is above the start by chance alone.

    Args:
        values: metric -> its value at each prompt before training, and at the end.
    """
    metrics: dict[str, float | None] = {}
    for name, (start, last) in values.items():
        gain = paired_change(start, last)
        metrics |= {f"{name}_start": fmean(start), f"{name}_last": fmean(last), f"{name}_gain": gain.mean}
        metrics |= {f"{name}_gain_low": gain.low, f"{name}_gain_high": gain.high}
    return {name: value for name, value in metrics.items() if value is not None}
