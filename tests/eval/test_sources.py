import json
import shutil
import time
from hashlib import sha256
from pathlib import Path

import pytest

from eval.network import offline, reachable, require_hub
from eval.results import Unavailable
from eval.sources import (
    BBH_TASKS,
    MT_BENCH_FILES,
    bbh_examples,
    content_hash,
    data_folder,
    mt_bench_data,
    require_data,
    truthfulqa_rows,
)
from salmon.errors import SalmonError


@pytest.fixture
def mini() -> Path:
    folder = data_folder("mini")
    assert folder is not None
    return folder


@pytest.fixture
def online(monkeypatch):
    """As on a machine where nobody has asked for offline mode."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("HF_DATASETS_OFFLINE", raising=False)


def test_folder_of_a_setting(tmp_path):
    assert data_folder(None) is None
    assert data_folder(str(tmp_path)) == tmp_path
    with pytest.raises(SalmonError, match="eval.data_dir=/nowhere/at/all"):
        data_folder("/nowhere/at/all")


def test_truthfulqa_rows_are_the_hubs(tmp_path):
    (tmp_path / "truthfulqa").mkdir()
    item = {"question": "Q?", "mc1_targets": {"yes": 1, "no": 0}, "mc2_targets": {"a": 1, "b": 1, "c": 0}}
    (tmp_path / "truthfulqa" / "mc_task.json").write_text(json.dumps([item]))
    assert truthfulqa_rows(tmp_path) == [
        {
            "question": "Q?",
            "mc1_targets": {"choices": ["yes", "no"], "labels": [1, 0]},
            "mc2_targets": {"choices": ["a", "b", "c"], "labels": [1, 1, 0]},
        }
    ]


def test_bbh_examples_of_the_tasks_that_are_there(mini):
    rows = bbh_examples(mini, None)
    assert sorted(rows) == ["boolean_expressions", "date_understanding", "navigate", "object_counting"]
    assert all(set(row) == {"input", "target"} for task in rows.values() for row in task)
    assert list(bbh_examples(mini, ["navigate", "snarks"])) == ["navigate"]


def test_bbh_task_that_does_not_exist(mini):
    with pytest.raises(SalmonError, match=r"eval\.bbh\.tasks: unknown navigat;"):
        bbh_examples(mini, ["navigat"])


def test_mini_mt_bench(mini, tmp_path):
    data = mt_bench_data(mini, tmp_path, "mini")
    assert len(data.questions) == 12
    assert data.reference_author == "mini"
    needing = {q["question_id"] for q in data.questions if q["category"] in {"math", "reasoning", "coding"}}
    assert needing == set(data.references)


def test_real_data(tmp_path, real_data):
    folder = real_data("bbh", "mt_bench", "truthfulqa")
    assert len(truthfulqa_rows(folder)) == 817
    rows = bbh_examples(folder, None)
    assert tuple(rows) == BBH_TASKS
    assert sum(map(len, rows.values())) == 6511
    data = mt_bench_data(folder, tmp_path, "gpt-4")
    assert (len(data.questions), len(data.references), data.reference_author) == (80, 30, "gpt-4")


@pytest.mark.parametrize(
    "read", [truthfulqa_rows, lambda f: bbh_examples(f, None), lambda f: mt_bench_data(f, f, "mini")]
)
def test_absent_data_is_unavailable(read, tmp_path):
    with pytest.raises(Unavailable, match=str(tmp_path)):
        read(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("truthfulqa/mc_task.json", '[{"question": "Q?"}]', r"mc_task\.json is not in the format"),
        ("bbh/navigate.json", "{]", r"navigate\.json, line 1: not valid JSON"),
        ("mt_bench/question.jsonl", '{"question_id": 1}\n', "line 1: category, turns missing"),
        ("mt_bench/judge_prompts.jsonl", "\n{broken\n", "line 2: not valid JSON"),
    ],
)
def test_malformed_files_are_named(file, content, message, mini, tmp_path):
    shutil.copytree(mini, tmp_path / "data")
    (tmp_path / "data" / file).write_text(content)
    read = {"truthfulqa": truthfulqa_rows, "bbh": lambda f: bbh_examples(f, None)}.get(
        file.split("/")[0], lambda f: mt_bench_data(f, tmp_path, "mini")
    )
    with pytest.raises(SalmonError, match=message):
        read(tmp_path / "data")


def test_content_hash_follows_the_content(tmp_path):
    (tmp_path / "a.json").write_text("1")
    before = content_hash(tmp_path)
    (tmp_path / "a.json").write_text("2")
    assert content_hash(tmp_path) != before
    (tmp_path / "a.json").write_text("1")
    assert content_hash(tmp_path) == before
    assert content_hash(None) == "hub"


def test_unreachable_hub_is_noticed_quickly(online, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nothing listens
    started = time.monotonic()
    with pytest.raises(Unavailable, match="hub unreachable"):
        require_hub()
    assert time.monotonic() - started < 7
    assert not reachable("http://127.0.0.1:9")


@pytest.mark.parametrize("value", ["1", "true", "ON"])
def test_offline_mode_asks_nobody(online, monkeypatch, value):
    assert not offline()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert offline()
    require_hub()  # a warm cache may do


def test_mt_bench_cannot_be_fetched_offline(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(Unavailable, match=r"set eval\.data_dir"):
        mt_bench_data(None, tmp_path, "gpt-4")


@pytest.mark.parametrize(("source", "questions"), [("mini", 12), ("real", 80)])
def test_fetched_mt_bench_is_checked_and_not_fetched_twice(source, questions, mini, real_data, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    fetched = tmp_path / "mt_bench"
    if source == "real":
        shutil.copytree(real_data("mt_bench") / "mt_bench", fetched)
    else:  # the bundled files stand in for FastChat's
        shutil.copytree(mini / "mt_bench", fetched)
        (fetched / "reference_answer" / "mini.jsonl").rename(fetched / "reference_answer" / "gpt-4.jsonl")
        expected = {name: ("", sha256((fetched / name).read_bytes()).hexdigest()) for name in MT_BENCH_FILES}
        monkeypatch.setattr("eval.sources.MT_BENCH_FILES", expected)
    assert len(mt_bench_data(None, tmp_path, "gpt-4").questions) == questions
    with (fetched / "question.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(Unavailable):
        mt_bench_data(None, tmp_path, "gpt-4")


def test_a_data_folder_that_can_serve_no_task_is_refused(tmp_path):
    (tmp_path / "bbh").mkdir()
    require_data(str(tmp_path), ["bbh", "mt_bench"])  # what lacks is a row that says so
    require_data("mini", ["bbh"])
    require_data(None, ["bbh"])
    require_data(str(tmp_path), ["probes"])  # has files of its own
    with pytest.raises(SalmonError, match=r"has no folder truthfulqa or mt_bench, so nothing could be measured"):
        require_data(str(tmp_path), ["truthfulqa_mc1", "truthfulqa_mc2", "mt_bench"])
    with pytest.raises(SalmonError, match=r"eval\.data_dir=/nonexistent: no folder"):
        require_data("/nonexistent", ["bbh"])
