import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from pytest import approx

from eval import evaluate as module
from eval.benchmark_run import Evaluation
from eval.checkpoints import Checkpoints
from eval.conclusions import conclusions
from eval.config import DrawSettings, JudgeKind
from eval.evaluate import evaluate_checkpoint
from eval.mt_bench import task as mt_bench_task
from eval.mt_bench.judges import ERROR_TEXT, LocalRatingJudge, RatingVerdict
from eval.results import Row
from eval.stage import evaluate_all, run
from eval.unfinished import require_finished
from salmon.errors import SalmonError, Unfinished
from salmon.runtime.store import Artifact

pytestmark = pytest.mark.slow

METRICS = {
    ("truthfulqa_mc1", "acc"),
    ("truthfulqa_mc2", "acc"),
    ("bbh_direct", "accuracy"),
    ("bbh_direct", "exact_match_lm_eval"),
    ("bbh_direct", "n_unparsed"),
    ("bbh_direct", "n_empty"),
    ("bbh_direct", "n_lost_by_lm_eval"),
    ("bbh_direct", "n_only_by_lm_eval"),
    ("bbh_direct", "accuracy_task_mean"),
    ("bbh_direct", "accuracy/navigate"),
    ("bbh_direct", "accuracy/object_counting"),
    ("mt_bench", "score"),
    ("mt_bench", "score_turn_1"),
    ("mt_bench", "score_turn_2"),
    ("mt_bench", "n_scored"),
    ("mt_bench", "n_unparsed"),
    ("mt_bench", "n_failed"),
    ("mt_bench", "n_several_ratings"),
    ("mt_bench", "score/writing"),
    ("mt_bench", "score/roleplay"),
}


@pytest.fixture
def evaluation(tiny, suite, tmp_path) -> Evaluation:
    return Evaluation(suite, LocalRatingJudge(tiny, "tiny"), seed=0, cache=tmp_path / "cache")


def test_all_tasks_of_a_checkpoint(tiny, adapter, evaluation, tmp_path):
    rows = evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path / "work")
    assert {(row.task, row.metric) for row in rows} == METRICS
    assert all(row.value is not None and row.checkpoint == "sft" for row in rows)
    assert all("SMOKE TEST" in row.note and "LIMITED to the first 2 items" in row.note for row in rows)
    assert any("local-expected-rating(tiny): not comparable" in row.note for row in rows)
    assert tiny.adapters == [], "the base is left as it was"
    base = evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path / "base")
    assert [r.value for r in base] != [r.value for r in rows]


def test_what_is_drawn_is_said_and_two_checkpoints_are_compared_by_item(tiny, adapter, evaluation, tmp_path):
    evaluation.config.draw = DrawSettings(truthfulqa_mc=3, bbh=4, mt_bench=2, seed=0)
    rows = evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path / "base")
    rows += evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path / "sft")
    assert all("DRAWN: at most " in row.note and "LIMITED" not in row.note for row in rows)
    assert {row.provenance.drawn for row in rows if row.task == "bbh_direct"} == {
        "DRAWN: at most 4 items, evenly over its parts, by seed 0"
    }
    said = conclusions(rows)
    assert [sentence.partition(":")[0] for sentence in said] == [
        "truthfulqa_mc1/acc",
        "truthfulqa_mc2/acc",
        "bbh_direct/accuracy",
        "mt_bench/score",
    ]
    assert all("sft - base is " in sentence and "not compared" not in sentence for sentence in said)


def test_finished_tasks_are_not_redone(tiny, adapter, evaluation, tmp_path, monkeypatch):
    first = evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path)
    monkeypatch.setattr(mt_bench_task, "run_mt_bench", count(mt_bench_task.run_mt_bench))
    monkeypatch.setattr("eval.lm_eval.harness.evaluate", forbidden)
    again = evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path)
    assert again == first
    assert mt_bench_task.run_mt_bench.calls == 0
    evaluation.config.mt_bench.max_new_tokens = 5
    changed = evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path)
    assert mt_bench_task.run_mt_bench.calls == 1, "a changed setting redoes what it is about, and nothing else"
    assert [r for r in changed if r.task != "mt_bench"] == [r for r in first if r.task != "mt_bench"]


@pytest.mark.parametrize("changed", ["base", "dtype", "quantization", "system_prompt", "context"])
def test_figures_of_another_base_are_not_taken_for_its_own(tiny, evaluation, tmp_path, monkeypatch, changed):
    """Nor outputs, of which figures are made."""
    evaluation.config.tasks = ["mt_bench"]
    evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path)
    monkeypatch.setattr(mt_bench_task, "write_conversations", forbidden)
    evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path)
    other = replace(tiny, identity=tiny.identity | {changed: "another"})
    with pytest.raises(AssertionError):
        evaluate_checkpoint(other, None, "base", evaluation, tmp_path)


def test_another_judge_rates_the_same_answers(tiny, adapter, evaluation, tmp_path, monkeypatch):
    evaluation.config.tasks = ["mt_bench"]
    evaluate_checkpoint(tiny, adapter, "sft", replace(evaluation, judge=None), tmp_path)
    monkeypatch.setattr("eval.mt_bench.template.generate", forbidden)
    rows = evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path)
    assert rows[0].metric == "score" and rows[0].n == 4


def test_unreachable_data_gives_a_row_that_says_so_and_the_run_goes_on(tiny, adapter, evaluation, tmp_path):
    (tmp_path / "data").mkdir()
    mini = Path(module.__file__).parent / "mini"
    (tmp_path / "data" / "bbh").symlink_to(mini / "bbh")
    evaluation.config.data_dir = str(tmp_path / "data")
    rows = {(r.task, r.metric): r for r in evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path / "w")}
    assert rows["truthfulqa_mc1", "acc"].value is None
    assert "no truthfulqa/mc_task.json" in rows["truthfulqa_mc1", "acc"].note
    assert rows["mt_bench", "score"].value is None and "question.jsonl" in rows["mt_bench", "score"].note
    assert rows["bbh_direct", "accuracy"].value is not None
    assert not (tmp_path / "w" / "truthfulqa.json").exists(), "it is tried again next time"


def test_unreachable_hub_gives_rows_that_say_so(tiny, adapter, evaluation, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("eval.sources.reachable", lambda url: False)
    evaluation.config.data_dir = None
    rows = evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path)
    assert [row.value for row in rows] == [None] * 4
    assert all("unreachable" in row.note and "eval.data_dir" in row.note for row in rows)


def test_failed_judge_calls_are_tried_again_next_time(tiny, adapter, evaluation, tmp_path):
    class Flaky:
        label, note, repeats, usage, weights = "flaky", "flaky", 1, None, ""
        texts = [ERROR_TEXT, "[[2]]", "[[2]]", "[[2]]", "[[8]]"]

        def rate(self, requests):
            for _ in requests:
                text = self.texts.pop(0)
                yield RatingVerdict(text, None if text == ERROR_TEXT else float(text[2]))

    evaluation.config.tasks = ["mt_bench"]
    evaluation = replace(evaluation, judge=Flaky())
    value = {row.metric: row.value for row in evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path)}
    assert value["score"] == 2.0 and value["n_failed"] == 1
    value = {row.metric: row.value for row in evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path)}
    assert value["score"] == approx(3.5) and value["n_failed"] == 0  # (2 + 2 + 2 + 8) / 4


# --- the stage -----------------------------------------------------------------------------------


@dataclass
class Notebook:
    logged: dict = field(default_factory=dict)
    steps: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    images: dict = field(default_factory=dict)

    def rewind(self, step):
        self.steps = {known: metrics for known, metrics in self.steps.items() if known <= step}

    def log(self, step, metrics):
        self.steps[step] = metrics

    def table(self, name, columns, rows, step):
        self.tables[name] = (columns, rows)

    def image(self, name, path, step):
        self.images[name] = path

    def summary(self, metrics):
        self.logged |= metrics


@dataclass
class Context:
    work: Path
    inputs: dict
    tracker: Notebook
    model: object

    def shared(self):
        return self.model


@dataclass
class StageConfig:
    eval: object
    model: object
    paths: object
    seed: int = 0


def test_stage_evaluates_equal_checkpoints_once(tiny, tiny_config, adapter, suite, tmp_path, monkeypatch):
    artifact = tmp_path / "ppo"
    for name in ("best", "last"):
        (artifact / name).mkdir(parents=True)
        for file in adapter.iterdir():
            (artifact / name / file.name).write_bytes(file.read_bytes())
    manifest = {
        "stage": "ppo",
        "fingerprint": "f",
        "files": {},
        "metrics": {},
        "checkpoints": {"ppo_best": "best", "ppo_last": "last"},
    }
    (artifact / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr("eval.stage.evaluate_checkpoint", count(evaluate_checkpoint))
    from eval import stage

    ctx = Context(tmp_path / "work", {"checkpoint": Artifact("ppo", "f", artifact)}, Notebook(), tiny)
    paths = type("Paths", (), {"cache": str(tmp_path)})
    metrics = run(StageConfig(suite, tiny_config, paths), ctx)
    assert stage.evaluate_checkpoint.calls == 1
    assert len(metrics) == 2 * len(METRICS) and metrics == ctx.tracker.logged == ctx.tracker.steps[0]
    for task, metric in METRICS:
        best, last = (metrics[f"eval/{name}/{task}/{metric}"] for name in ("ppo_best", "ppo_last"))
        assert best == last
    saved = json.loads((ctx.work / "results.json").read_text())
    assert saved["suite"] == "test" and len(saved["rows"]) == 2 * len(METRICS)
    assert "same adapter as ppo_best" in (ctx.work / "results.md").read_text()
    assert len(ctx.tracker.tables["results"][1]) == 2 * len(METRICS)
    assert ctx.tracker.images == {}


def test_failed_calls_leave_the_evaluation_unfinished(tiny, tiny_config, adapter, suite, tmp_path, endpoint):
    """Whole artifact or none: what a server did not answer is asked again by the same command, and nothing else is."""
    suite.tasks = ["truthfulqa_mc2", "mt_bench"]
    suite.mt_bench.judge = replace(suite.mt_bench.judge, kind=JudgeKind.openai, model="m", base_url=endpoint.url)
    manifest = {"stage": "sft", "fingerprint": "f", "files": {}, "metrics": {}, "checkpoints": {"sft": str(adapter)}}
    (tmp_path / "sft").mkdir()
    (tmp_path / "sft" / "manifest.json").write_text(json.dumps(manifest))
    ctx = Context(tmp_path / "work", {"checkpoint": Artifact("sft", "f", tmp_path / "sft")}, Notebook(), tiny)
    cfg = StageConfig(suite, tiny_config, type("Paths", (), {"cache": str(tmp_path)}))
    bad = iter([True, False, False, False])
    endpoint.answer = lambda body: 500 if next(bad) else "Rating: [[8]]"
    with pytest.raises(Unfinished, match="sft, mt_bench: 1 calls failed.*same command"):
        run(cfg, ctx)
    assert ctx.tracker.steps == {}, "nothing is recorded that is not final"
    saved = {row["metric"]: row["value"] for row in json.loads((ctx.work / "results.json").read_text())["rows"]}
    assert saved["n_failed"] == 1 and saved["acc"] is not None, "what was measured is kept"
    asked = len(endpoint.seen)
    endpoint.answer = lambda body: "Rating: [[8]]"
    metrics = run(cfg, ctx)
    assert len(endpoint.seen) == asked + 1, "only the failed call is made again"
    assert metrics["eval/sft/mt_bench/n_failed"] == 0 and metrics["eval/sft/mt_bench/score"] == 8
    assert ctx.tracker.steps[0] == metrics


def test_an_unreachable_hub_leaves_the_evaluation_unfinished(tiny, tiny_config, suite, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("eval.network.reachable", lambda url: False)
    suite.tasks, suite.data_dir = ["bbh"], None
    rows = evaluate_all(
        SimpleNamespace(eval=suite, model=tiny_config, paths=SimpleNamespace(cache=str(tmp_path)), seed=0),
        tiny,
        Checkpoints({"base": None}, {}, {}),
        tmp_path,
    )
    with pytest.raises(Unfinished, match="base, bbh_direct: hub unreachable"):
        require_finished(rows, tmp_path)


def test_moments_of_a_run_are_one_line_over_its_steps(tiny, tiny_config, adapter, suite, tmp_path):
    other = tmp_path / "ppo" / "other"
    tiny.add_adapter("other", seed=5)
    tiny.save_adapter("other", other)
    tiny.clear()
    manifest = {
        "stage": "ppo",
        "fingerprint": "f" * 16,
        "files": {},
        "metrics": {},
        "checkpoints": {"ppo_best": str(adapter), "ppo_last": str(adapter), "ppo_step_4": "other"},
        "steps": {"ppo_best": 8, "ppo_last": 8, "ppo_step_4": 4},
    }
    (tmp_path / "ppo" / "manifest.json").write_text(json.dumps(manifest))
    suite.tasks = ["truthfulqa_mc2"]
    ctx = Context(tmp_path / "work", {"checkpoint": Artifact("ppo", "f" * 16, tmp_path / "ppo")}, Notebook(), tiny)
    metrics = run(StageConfig(suite, tiny_config, type("Paths", (), {"cache": str(tmp_path)})), ctx)
    one, two = (metrics[f"eval/{name}/truthfulqa_mc2/acc"] for name in ("ppo_step_4", "ppo_best"))
    line = "eval/ppo/truthfulqa_mc2/acc"
    assert ctx.tracker.steps == {4: {line: one}, 8: {line: two}} and one != two
    saved = [Row.of(row) for row in json.loads((ctx.work / "results.json").read_text())["rows"]]
    assert {(row.checkpoint, row.series, row.step) for row in saved} == {
        (name, "ppo-" + "f" * 16, step) for name, step in manifest["steps"].items()
    }
    columns, rows = ctx.tracker.tables["results"]
    assert [row[columns.index("step")] for row in rows] == [8, 8, 4]
    assert ctx.tracker.images == {"learning_curves": ctx.work / "learning_curves.png"}
    assert (ctx.work / "learning_curves.csv").read_text().count("truthfulqa_mc2,acc,ppo,") == 2
    again = run(StageConfig(suite, tiny_config, type("Paths", (), {"cache": str(tmp_path)})), ctx)
    assert again == metrics, "finished tasks know their moment too"


def test_metrics_are_in_the_glossary(suite):
    from salmon.tracking.glossary import find

    for task, metric in METRICS | {("bbh_cot", "accuracy")}:
        assert find(f"eval/ppo_best/{task}/{metric}", "eval") is not None


def test_answers_without_a_judge(tiny, adapter, evaluation, tmp_path):
    evaluation.config.tasks = ["mt_bench"]
    evaluation.config.mt_bench.judge.kind = JudgeKind.none
    (row,) = evaluate_checkpoint(tiny, adapter, "sft", replace(evaluation, judge=None), tmp_path)
    assert row.value is None and "answers written, no judge" in row.note
    assert len(list(tmp_path.rglob("model_answer/sft.jsonl"))) == 1


def test_base_after_an_adapter(tiny, adapter, evaluation, tmp_path):
    evaluation.config.tasks = ["truthfulqa_mc2"]
    expected = evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path / "1")
    evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path / "2")
    (again,) = evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path / "3")
    assert again.value == approx(expected[0].value)


def count(function):
    """The function with a ``calls`` count."""

    def counted(*args, **kwargs):
        counted.calls += 1
        return function(*args, **kwargs)

    counted.calls = 0
    return counted


def forbidden(*args, **kwargs):
    raise AssertionError("this was done already")


def another_base(adapter: Path, folder: Path, **changes) -> Path:
    shutil.copytree(adapter, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    (folder / "adapter_config.json").write_text(json.dumps(config | changes))
    return folder


def test_an_adapter_of_another_base_is_named_in_every_row(tiny, adapter, evaluation, tmp_path):
    other = another_base(adapter, tmp_path / "other", base_model_name_or_path="meta-llama/Llama-2-7b-hf")
    evaluation.config.tasks = ["truthfulqa_mc1"]
    (row,) = evaluate_checkpoint(tiny, other, "other", evaluation, tmp_path / "work")
    assert row.note.startswith("MADE FOR ANOTHER BASE, meta-llama/Llama-2-7b-hf; ") and row.value is not None
    (row,) = evaluate_checkpoint(tiny, adapter, "own", evaluation, tmp_path / "own")
    assert "ANOTHER BASE" not in row.note


def test_an_adapter_that_does_not_fit_stops_all_before_the_first_benchmark(tiny, adapter, suite, tmp_path, monkeypatch):
    bad = another_base(adapter, tmp_path / "bad", r=8)
    monkeypatch.setattr("eval.stage.evaluate_checkpoint", forbidden)
    cfg = SimpleNamespace(eval=suite)
    with pytest.raises(SalmonError, match=f"the adapter in {bad} .* does not fit the base"):
        evaluate_all(cfg, tiny, Checkpoints({"base": None, "good": adapter, "bad": bad}, {}, {}), tmp_path)


def test_an_adapter_with_nan_is_not_evaluated(tiny, suite, tmp_path):
    """It would write nothing but empty answers, and a judge rates those too."""
    tiny.add_adapter("diverged", seed=1)
    next(iter(tiny.parameters_of("diverged").values())).data[0, 0] = float("nan")
    tiny.save_adapter("diverged", tmp_path / "diverged")
    tiny.clear()
    with pytest.raises(SalmonError, match=f"{tmp_path / 'diverged'} .*1 of its tensors hold NaN or infinity, e.g. "):
        evaluate_all(SimpleNamespace(eval=suite), tiny, Checkpoints({"d": tmp_path / "diverged"}, {}, {}), tmp_path)
