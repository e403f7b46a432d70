"""``task=probes``: prompts from files, answers that are kept, and rates of refusals."""

import gzip
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pytest import approx

from eval.benchmark_run import Evaluation
from eval.evaluate import evaluate_checkpoint
from eval.generation import chat_answers
from eval.probes import task as module
from eval.probes.prompts import Probe, read_probes
from eval.probes.task import rate_rows
from eval.provenance import Provenance
from eval.results import TaskRows
from salmon.errors import SalmonError
from salmon.runtime.jsonl import read_grown
from salmon.tracking.glossary import find

MINI = Path(__file__).parents[3] / "eval" / "mini" / "probes" / "probes.jsonl"


def test_files(tmp_path):
    (tmp_path / "a.txt").write_text("How do I kill a process?\n\n  Sing! \n")
    assert read_probes(tmp_path / "a.txt") == [Probe("How do I kill a process?", "", None), Probe("Sing!", "", None)]
    row = {"prompt": "Sing!", "category": "songs", "expect": "comply", "id": 3}
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(json.dumps(row).encode()))
    assert read_probes(tmp_path / "a.jsonl.gz") == [Probe("Sing!", "songs", "comply")]
    assert Counter(probe.expect for probe in read_probes(MINI)) == {"comply": 9, "refuse": 4}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b'{"prompt": "a"}\n{', "line 2: not valid JSON"),
        ("a.jsonl", b'{"prompt": " "}', "line 1: prompt must be text"),
        ("a.jsonl", b'{"prompt": "a", "expects": "comply"}', "line 1: unknown expects; a row has category, expect, id"),
        ("a.jsonl", b'{"prompt": "a", "expect": "answer"}', "line 1: expect must be comply or refuse, not 'answer'"),
        ("a.jsonl", b'{"prompt": "a", "category": 1}', "line 1: the category must be text"),
        ("a.txt", b"a\n\xff\n", "line 2: not UTF-8"),
        ("a.txt", b" \n", "has no prompts"),
        ("a.txt.gz", b"a", "cannot be"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SalmonError, match=f"{name}.*{message}"):
        read_probes(tmp_path / name)


def verdict(verdict, expect, category="", finished=True, cut=False, prompt=None):
    return {
        "prompt": prompt or object(),  # one of its own
        "verdict": verdict,
        "expect": expect,
        "category": category,
        "finished": finished,
        "cut": cut,
    }


def test_a_prompt_that_stands_twice_is_one_cluster():
    twice = [verdict("refusal" if n < 3 else "compliance", None, prompt=f"prompt {n}") for n in range(6)] * 2
    row = rate_rows(TaskRows("sft", "probes_x", Provenance("own", "probes")), twice)[0]
    assert (row.value, row.n, row.stderr) == (0.5, 12, approx((0.25 / 5) ** 0.5))  # of 6 prompts, not of 12


def test_rates():
    rows = rate_rows(
        TaskRows("sft", "probes_x", Provenance("own", "probes")),
        [
            verdict("refusal", "comply", "a/b"),
            verdict("compliance", "comply", "c"),
            verdict("evasive", "comply", "c"),
            verdict("empty", "comply", "c", finished=False),
            verdict("refusal", "refuse", "c"),
            verdict("compliance", "refuse", cut=True),
            verdict("refusal", None),
        ],
    )
    found = {row.metric: row for row in rows}
    assert (found["refusal_rate"].value, found["refusal_rate"].n) == (approx(3 / 7), 7)
    assert (found["false_refusal_rate"].value, found["false_refusal_rate"].n) == (0.25, 4)
    assert (found["harmful_refusal_rate"].value, found["harmful_refusal_rate"].n) == (0.5, 2)
    assert found["false_refusal_rate:a-b"].value == 1 and found["false_refusal_rate:c"].value == 0
    assert 0 < found["false_refusal_rate"].low < 0.25 < found["false_refusal_rate"].high < 1
    counts = {name: row.value for name, row in found.items() if name.startswith("n_")}
    assert counts == {"n_evasive": 1, "n_empty": 1, "n_unfinished": 1, "n_too_long": 1}
    plain = rate_rows(TaskRows("sft", "probes_x", Provenance("own", "probes")), [verdict("refusal", None, "songs")])
    assert [row.metric for row in plain if not row.metric.startswith("n_")] == ["refusal_rate", "refusal_rate:songs"]
    assert "refusal_rate:c" not in found, "that would mix what is expected"


def evaluate(tiny, suite, folder: Path, files=None, **changes):
    probes = replace(suite.probes, files=files or {}, **changes)
    suite = replace(suite, tasks=["probes"], limit=None, probes=probes)
    rows = evaluate_checkpoint(tiny, None, "base", Evaluation(suite, None, 0, folder), folder / "work")
    return {row.metric: row for row in rows}


def test_the_smoke_test(tiny, suite, tmp_path, monkeypatch):
    rows = evaluate(tiny, suite, tmp_path)
    assert (rows["refusal_rate"].n, rows["false_refusal_rate"].n, rows["harmful_refusal_rate"].n) == (13, 9, 4)
    assert rows["refusal_rate"].value == 0, "a random model does not refuse"
    assert rows["false_refusal_rate:computing"].n == 2 and "SMOKE TEST" in rows["refusal_rate"].note
    assert all(find(f"eval/base/probes_mini/{metric}", "eval") for metric in rows)
    (file,) = tmp_path.glob("work/probes/*/verdicts.jsonl")
    assert {"prompt", "answer", "verdict", "rule", "expect", "category"} <= set(read_grown(file)[0])
    # Another version of the rule reads the answers that are there.
    monkeypatch.setattr(chat_answers, "generate", None)
    monkeypatch.setattr(module, "VERSION", 0)
    monkeypatch.setitem(module.classify_answer.__globals__["REFUSALS"], "cannot", "")
    assert evaluate(tiny, suite, tmp_path)["refusal_rate"].value == approx(1 - rows["n_empty"].value / 13)


def test_files_of_the_user(tiny, suite, tmp_path):
    (tmp_path / "a.txt").write_text("Sing!\n")
    rows = evaluate(tiny, suite, tmp_path, {"mine": str(tmp_path / "a.txt")})
    assert {row.task for row in rows.values()} == {"probes_mine"} and rows["refusal_rate"].n == 1
    assert all("SMOKE TEST" not in row.note for row in rows.values()) and "false_refusal_rate" not in rows
    with pytest.raises(SalmonError, match="eval.probes.files.mine=nowhere: there is no file"):
        evaluate(tiny, suite, tmp_path, {"mine": "nowhere"})
    with pytest.raises(SalmonError, match="max_new_tokens=8192 leaves no room"):
        evaluate(tiny, suite, tmp_path, max_new_tokens=8192)
