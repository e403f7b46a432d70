"""The closing text of a job, from made-up executions."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from salmon.config.run import PathsConfig, TrackingConfig, WandbMode
from salmon.config.schema import Config
from salmon.pipeline.pipeline import Execution
from salmon.pipeline.report import benchmark_rows, closing_report
from salmon.runtime.store import Artifact, Store
from salmon.runtime.tables import aligned_table
from salmon.tracking.glossary import find
from salmon.view.job.reached import REACHED

COST = {"time/total_s": 61.0, "perf/peak_memory_gib": 1.26}


@dataclass
class Executions:
    store: Store

    def __call__(
        self, label: str, metrics: dict[str, float], reused: bool = False, cost: Any = None, rows: Any = ()
    ) -> Execution:
        stage, key = label.split()[0], label.replace(" ", "_")
        work = self.store.work_dir(stage, key)
        (work / "results.json").write_text(json.dumps({"rows": list(rows)}))
        artifact = self.store.commit(stage, key, {"metrics": {**COST, **(cost or {}), **metrics}})
        return Execution(label, artifact, reused)


@pytest.fixture
def execution(tmp_path: Path) -> Executions:
    return Executions(Store(tmp_path / "store"))


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Config]:
    def make(wandb: WandbMode = WandbMode.offline) -> Config:
        paths = PathsConfig(store="store", wandb="runs", cache="cache")
        return Config(tracking=TrackingConfig(wandb=wandb), paths=paths)

    return make


def test_columns_are_aligned() -> None:
    assert aligned_table(["a", "long header"], [["wide cell", "x"], ["y", ""]], rule=True).split("\n") == [
        "a          long header",
        "---------  -----------",
        "wide cell  x",
        "y",
    ]


def test_each_stage_has_its_cost_and_what_it_reached(execution: Executions, config: Callable[..., Config]) -> None:
    executions = [
        execution("sft", {"sft/loss": 1.23456, "selfalign/kept": 20.0}, reused=True),
        execution("preferences", {"pairs/rows_train": 36.0, "judge/tie_rate": 0.256, "judge/position_bias": -0.5}),
        execution("reward", {"reward/loss": 0.6931, "held_out/accuracy": 0.75, "held_out/rows": 12.0}),
        execution(
            "ppo",
            {
                "held_out/reward_start": -1.0,
                "held_out/reward_last": 0.5,
                "held_out/reward_gain_low": -0.25,
                "held_out/reward_gain_high": 3.25,
                "held_out/reward_best": 0.75,
                "held_out/check/Concise_gain": 0.4,
                "held_out/check/Concise_gain_low": 0.1,
                "held_out/check/Concise_gain_high": 0.7,
                "held_out/check/Formal_gain": -0.1,
                "held_out/check/Formal_gain_low": -0.2,
                "held_out/check/Formal_gain_high": 0.05,
                "objective/kl_k3": 0.12345,
                "perf/tokens_per_second": 41.6,
            },
            cost={"time/total_s": 3725.0},
        ),
        execution("eval of sft", {"eval/sft/bbh/exact_match": 0.5}, cost={"time/total_s": 4.0}),
    ]
    text = closing_report(config(), executions, Path("/job"), 3900.0)
    lines = text.split("\n")
    assert lines[0] == "" and text.endswith("\n")
    rows = {line[:11].strip(): line for line in lines[3:8]}
    assert lines[1].split() == ["stage", "time", "peak", "GiB", "reached"]
    assert rows["sft"].endswith("answers kept 20, loss 1.235") and "1m 1s (reused)" in rows["sft"].replace("01s", "1s")
    assert rows["preferences"].endswith("rows 36, judge ties 26%, position bias -0.50")
    assert rows["reward"].endswith("loss 0.693, held-out accuracy 0.75, on 12 rows")
    assert rows["ppo"].endswith(
        "held-out reward -1.000 to 0.500, a gain of -0.250 to +3.250 (95 %), KL 0.123, 42 sampled tokens/s"
    )
    assert "(reused)" not in rows["ppo"]
    assert all(" 1.3 " in row or row.endswith(" 1.3") for row in rows.values())


def test_a_metric_that_a_stage_lacks_is_left_out(execution: Executions, config: Callable[..., Config]) -> None:
    """Given demonstrations: no answers were kept or dropped. No held-out rows: no accuracy."""
    text = closing_report(config(), [execution("sft", {"sft/loss": 2.0})], Path("/job"), 1.0)
    assert "loss 2.000" in text and "kept" not in text


def test_what_the_table_shows_is_logged_by_that_stage() -> None:
    """A renamed metric would vanish from the table without a word."""
    assert set(REACHED) == {"sft", "preferences", "reward", "ppo", "dpo", "best_of_n"}
    shown = [(name, stage) for stage, figures in REACHED.items() for name in chain(*figures)]
    assert [each for each in shown if find(*each) is None] == []


def row(
    checkpoint: str,
    task: str,
    metric: str,
    value: float | None,
    stderr: float | None = None,
    n: int = 12,
    note: str = "",
) -> dict[str, Any]:
    return {
        "checkpoint": checkpoint,
        "task": task,
        "metric": metric,
        "value": value,
        "stderr": stderr,
        "n": n,
        "note": note,
    }


def test_one_line_a_benchmark_with_its_figure_and_interval(
    execution: Executions, config: Callable[..., Config]
) -> None:
    executions = [
        execution(
            "eval of sft",
            {},
            rows=[
                row("sft", "truthfulqa_mc1", "acc", 0.3, 0.0456, note="mini set"),
                row("sft", "bbh", "n_unparsed", 3.0),
                row("sft", "bbh", "exact_match", 0.125, 0.5) | {"low": 0.1, "high": 0.2},
                row("sft", "bbh", "exact_match/navigate", 0.5, note="more in the file"),
            ],
        ),
        execution(
            "eval of ppo",
            {},
            rows=[
                row("ppo_best", "truthfulqa_mc1", "acc", 0.33333, 0.05, 817, note="mini set"),
                row("ppo_best", "bbh", "exact_match", None, n=0, note="no data"),
                row("ppo_best", "mt_bench", "score", 5.0) | {"provenance": {"smoke_test": True, "limit": 4}},
                row("ppo_best", "mt_bench", "n_unparsed", 3.0),
                row("ppo_last", "mt_bench", "score", None, n=0, note="no key"),
            ],
        ),
    ]
    blocks = closing_report(config(), executions, Path("/job"), 1.0).strip("\n").split("\n\n")
    assert blocks[1].split("\n") == [
        "benchmark, in brackets 95 %  sft                          ppo_best                      ppo_last",
        "---------------------------  ---------------------------  ----------------------------  ------------",
        "truthfulqa_mc1/acc           0.300 [0.211, 0.389] (n=12)  0.333 [0.235, 0.431] (n=817)",
        "bbh/exact_match              0.125 [0.100, 0.200] (n=12)  not measured",
        "mt_bench/score                                            5.000 (n=12)                  not measured",
    ]
    assert blocks[2].split("\n") == [
        "bbh of ppo_best: no data",
        "mt_bench of ppo_last: no key",
        "SMOKE TEST on the bundled mini set, not a benchmark",
        "LIMITED to the first 4 items of each task",
    ]
    assert "more in the file" not in "".join(blocks) and "results.md" in blocks[-1]


def test_what_a_reward_model_obeys_has_a_table_of_its_own(execution: Executions, config: Callable[..., Config]) -> None:
    rows = [
        row("reward", "principle_following", "accuracy_asserted", 0.75),
        *(
            row("reward", "principle_following", f"{texts}_{metric}", value, n=30) | {"low": value - 0.1, "high": 1.0}
            for texts, value in (("heldout_words", 0.9), ("unseen_families", 0.7), ("contrast", 0.8))
            for metric in ("accuracy_asserted", "accuracy_negated", "flip_rate")
        ),
    ]
    executions = [execution("eval of reward", {}, rows=rows)]
    blocks = closing_report(config(), executions, Path("/job"), 1.0).strip("\n").split("\n\n")
    assert [line.split("  ")[0] for line in blocks[2].split("\n")[2:]] == [
        "new words, in new sentences",
        "kinds of principles never trained on",
    ]
    assert blocks[2].split("\n")[2].count("0.900 [0.800, 1.000] (n=30)") == 3


def test_every_figure_that_is_not_there_has_its_reason(execution: Executions, config: Callable[..., Config]) -> None:
    executions = [
        execution("eval of sft", {}, rows=[row("sft", "bbh", "exact_match", 0.125, note="from the hub")]),
        execution("eval of ppo", {}, rows=[row("ppo_best", "bbh", "exact_match", None, note="hub is down")]),
    ]
    assert "hub is down" in closing_report(config(), executions, Path("/job"), 1.0)


def test_what_may_be_concluded_stands_below_the_benchmarks(
    execution: Executions, config: Callable[..., Config]
) -> None:
    executions = [execution("eval of sft", {}, rows=[row("sft", "bbh", "accuracy", 0.5, 0.1)])]
    said = ["bbh/accuracy: 12 items can show a difference of 0.396.", "second."]
    blocks = closing_report(config(), executions, Path("/job"), 1.0, said).strip("\n").split("\n\n")
    assert blocks[2].split("\n") == said


def test_no_benchmarks_no_table(execution: Executions, config: Callable[..., Config]) -> None:
    text = closing_report(config(), [execution("sft", {}), execution("eval of sft", {}, rows=[])], Path("/job"), 1.0)
    assert benchmark_rows([]) == []
    assert "\nbenchmark " not in text


@pytest.mark.parametrize(
    ("mode", "look", "sync"),
    [(WandbMode.offline, True, True), (WandbMode.online, True, False), (WandbMode.disabled, False, False)],
)
def test_where_things_are_and_how_to_look_at_them(
    execution: Executions, config: Callable[..., Config], mode: WandbMode, look: bool, sync: bool
) -> None:
    done = execution("sft", {})
    last = closing_report(config(mode), [done], Path("/job"), 75.0).strip("\n").split("\n\n")[-1].split("\n")
    assert last[0].startswith("total ") and last[0].endswith("; job folder /job")
    assert last[1].split() == ["sft", str(done.artifact.path)]
    assert (["wandb", "leet", "runs/wandb"] in [line.split()[-3:] for line in last]) == look
    assert (["-m", "sweeps.sync", "runs/wandb"] in [line.split()[-3:] for line in last]) == sync


def test_an_artifact_is_read_from_its_manifest(execution: Executions) -> None:
    made = execution("sft", {"sft/loss": 1.0})
    assert Artifact("sft", "sft", made.artifact.path).metrics == {**COST, "sft/loss": 1.0}
