"""What each part of the recipe is worth: one row an arm and policy."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from salmon.runtime.foreign import read_json
from salmon.runtime.store import open_artifact
from salmon.runtime.tables import markdown_table
from sweeps.arms import Arm, group_by_arm
from sweeps.cells import POLICIES
from sweeps.collect import SweepJob
from sweeps.curves import KL, LENGTH, SCORE
from sweeps.figures import CurvePanel
from sweeps.renamed_metrics import current_names
from sweeps.reports.document import Document, jobs_of, numbers_of
from sweeps.seeds import seed_notes
from sweeps.settings import ReportSettings
from sweeps.statistics import mean_interval
from sweeps.tables import LEGEND, MISSING, change_cell, interval, jobs_section

ACCURACIES = {
    "accuracy_asserted": "accuracy asserted",
    "accuracy_negated": "accuracy negated",
    "flip_rate": "flip rate",
}


def ablations(jobs: Sequence[SweepJob], settings: ReportSettings) -> Document:
    arms = group_by_arm(jobs, settings)
    numbers: dict[str, Any] = {}
    rows, panels = [], []
    for arm in arms:
        rewards = reward_figures(arm)
        checks = arm.asked or settings.checks
        metrics = [*(f"held_out/check/{name}" for name in checks), LENGTH, KL, SCORE, *settings.quality]
        policies = [stage for stage in POLICIES if arm.artifacts(stage)]
        numbers[arm.name] = {"reward": rewards, "policies": {}}
        for stage in policies or [""]:
            measured = {metric: arm.measure(metric, stage) for metric in metrics}
            seeds = len(arm.artifacts(stage))
            cells = {metric: change_cell(m, 1 if metric == LENGTH else 3, seeds) for metric, m in measured.items()}
            own = "; ".join(f"{name} {cells.pop(f'held_out/check/{name}')}" for name in checks)
            rows.append([arm.name, stage or MISSING, arm.seeds, *_reward_cells(rewards), own, *cells.values()])
            if stage:
                numbers[arm.name]["policies"][stage] = numbers_of(arm, list(measured.values()))
    metric = next((f"held_out/check/{name}" for arm in arms for name in (arm.asked or settings.checks)), LENGTH)
    for title, key, share in (
        (metric.removeprefix("held_out/").replace("/", " "), metric, True),
        ("response length", LENGTH, False),
        ("KL from the SFT policy", KL, False),
    ):
        unit = {metric: "mean of the check (0..1)", LENGTH: "tokens", KL: "nats/response"}[key]
        panels.append(
            CurvePanel(title, unit, {arm.name: arm.measure(key).curves for arm in arms if arm.artifacts("ppo")}, share)
        )
    header = [
        "arm",
        "policy",
        "seeds",
        *ACCURACIES.values(),
        "accuracy on own labels",
        "asked checks",
        "length (tokens)",
        "KL (nats/response)",
        "score",
        *settings.quality,
    ]
    notes = (
        "Accuracies of the reward model: by the principles' checks (principle_following), and on held-out rows with "
        "the arm's own labels. In brackets with `n = 1`: one reward model, its interval by bootstrap over pairs, which "
        "says nothing of another training. Scores of different reward models have "
        "different scales: compare them within a row only."
    )
    return Document(
        "Ablations",
        [
            jobs_section(jobs),
            *seed_notes(jobs, {arm.name: [str(seed) for seed in arm.finished] for arm in arms}),
            markdown_table(header, rows),
            f"{LEGEND} {notes}",
        ],
        ["The picture has the PPO arms only: other policies have no updates."],
        {"jobs": jobs_of(jobs), "arms": numbers},
        panels,
    )


def reward_figures(arm: Arm) -> dict[str, list[dict[str, float | None]]]:
    """Of each metric, one figure for every reward model that the arm's jobs made or shared."""
    found: dict[str, list[dict[str, float | None]]] = {name: [] for name in (*ACCURACIES, "held_out/accuracy")}
    for path in dict.fromkeys(arm.artifacts("eval of reward").values()):
        rows = read_json(path / "results.json")["rows"]
        for row in rows:
            if row["task"] == "principle_following" and row["metric"] in ACCURACIES and row["value"] is not None:
                found[row["metric"]].append({key: row[key] for key in ("value", "low", "high")})
    for path in dict.fromkeys(arm.artifacts("reward").values()):
        value = current_names(open_artifact(Path(path)).metrics).get("held_out/accuracy")
        if value is not None:
            found["held_out/accuracy"].append({"value": value, "low": None, "high": None})
    return found


def _reward_cells(figures: dict[str, list[dict[str, float | None]]]) -> list[str]:
    """The mean over the reward models; of one, its own interval over pairs and ``n = 1``; empty without any."""
    cells = []
    for each in figures.values():
        if not each:
            cells.append("")
        elif len(each) == 1:
            only = each[0]
            span = "" if only["low"] is None else f" [{only['low']:.3f}, {only['high']:.3f}]"
            cells.append(f"{only['value']:.3f}{span}, n = 1")
        else:
            cells.append(interval(mean_interval([figure["value"] for figure in each]), 3))
    return cells
