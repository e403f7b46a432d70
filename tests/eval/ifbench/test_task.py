"""``task=ifbench``: figures from verdicts, and the whole task on the bundled rows."""

from dataclasses import replace

import pytest
from pytest import approx

from eval.benchmark_run import Evaluation
from eval.evaluate import evaluate_checkpoint
from eval.generation import chat_answers
from eval.ifbench import TASK, constraints
from eval.ifbench.constraints import NLTK_DATA
from eval.ifbench.families import IFBENCH_FAMILIES
from eval.ifbench.task import followed_rows
from eval.ifbench.verdicts import Verdict, as_rows
from eval.inputs import check_files
from eval.provenance import Provenance
from eval.results import TaskRows
from salmon.errors import SalmonError
from salmon.runtime.jsonl import read_grown
from salmon.tracking.glossary import find


def judged(key, *verdicts, answer="x", finished=True, cut=False):
    return {"key": key, "answer": answer, "finished": finished, "cut": cut, "verdicts": as_rows(verdicts)}


def figures(*rows):
    return {row.metric: row for row in followed_rows(TaskRows("sft", TASK, Provenance("own", TASK)), rows)}


def test_shares_of_prompts_and_of_constraints():
    found = figures(
        judged("0", Verdict("a", True, True), Verdict("b", False, True)),
        judged("1", Verdict("a", True, True)),
        judged("2", Verdict("b", False, False, "b: IndexError"), answer=" ", finished=False),
        judged("3", Verdict("a", True, True), Verdict("c", None, None), cut=True),
    )
    values = {name: row.value for name, row in found.items()}
    assert values == {
        "prompt_strict": approx(1 / 3),  # the fourth has a constraint that nobody checked
        "prompt_loose": approx(2 / 3),
        "instruction_strict": approx(3 / 5),
        "instruction_loose": approx(4 / 5),
        "n_unchecked": 1,
        "n_checker_errors": 1,
        "n_empty": 1,
        "n_unfinished": 1,
        "n_too_long": 1,
        "instruction_strict/a": 1,
        "instruction_strict/b": 0,
        "instruction_strict/c": None,
        "instruction_loose/a": 1,
        "instruction_loose/b": 0.5,
        "instruction_loose/c": None,
    }
    assert (found["prompt_strict"].n, found["instruction_strict"].n, found["n_unchecked"].n) == (3, 5, 6)
    assert all(row.interval for name, row in found.items() if not name.startswith("n_") and row.value is not None)


def test_constraints_of_a_prompt_are_one_cluster():
    """Two that always agree are worth one: the error is that of four prompts, not of eight constraints."""
    twice = [judged(str(n), Verdict("a", n > 1, n > 1), Verdict("b", n > 1, n > 1)) for n in range(4)]
    assert figures(*twice)["instruction_strict"].stderr == approx((0.25 / 3) ** 0.5)


def evaluate(tiny, suite, folder, **changes):
    suite = replace(suite, **{"tasks": [TASK], "limit": None, **changes})
    rows = evaluate_checkpoint(tiny, None, "base", Evaluation(suite, None, 0, folder), folder / "work")
    return {row.metric: row for row in rows}


def test_the_task_of_a_checkpoint(tiny, suite, tmp_path, monkeypatch):
    monkeypatch.setattr("nltk.data.path", [])
    rows = evaluate(tiny, suite, tmp_path, limit=7)
    assert (rows["prompt_strict"].n, rows["instruction_strict"].n) == (6, 7), "ratio:stop_words has no check here"
    assert rows["n_unchecked"].value == 1 and "NOT CHECKED ratio:stop_words (1)" in rows["prompt_strict"].note
    assert rows["prompt_strict"].provenance.harness.startswith("if-verifiable 0.1")
    assert "SMOKE TEST" in rows["prompt_loose"].note and rows["instruction_strict/ratio:stop_words"].value is None
    assert all(find(f"eval/base/{TASK}/{metric}", "eval") for metric in rows)
    (file,) = tmp_path.glob(f"work/{TASK}/*/verdicts.jsonl")
    saved = read_grown(file)
    assert [row["key"] for row in saved] == [f"m{n}" for n in range(7)]
    assert saved[0]["prompt"].startswith("How does a kettle") and saved[0]["verdicts"][0]["id"] == "count:numbers"
    # With the data the answers that are there are scored again.
    monkeypatch.setattr(chat_answers, "generate", None)
    monkeypatch.setattr("eval.ifbench.constraints.lacking_data", dict)
    monkeypatch.setattr("eval.ifbench.task.lacking_data", dict)
    again = evaluate(tiny, suite, tmp_path, limit=7)
    assert again["n_unchecked"].value == 0 and again["n_checker_errors"].value == 1
    assert "NOT CHECKED" not in again["prompt_strict"].note


def test_refused_before_anything_runs(tiny, suite, tmp_path, monkeypatch):
    with pytest.raises(SalmonError, match="eval.ifbench.max_new_tokens=8192 leaves no room"):
        evaluate(tiny, suite, tmp_path, ifbench=replace(suite.ifbench, max_new_tokens=8192))
    monkeypatch.setattr(constraints, "find_spec", lambda name: None)
    for data_dir in ("mini", None):
        with pytest.raises(SalmonError, match=r"if-verifiable, which is not installed: pip install -e '\.\[ifbench\]'"):
            check_files(replace(suite, tasks=[TASK], data_dir=data_dir), tmp_path)


def test_the_docs_name_what_needs_data_and_how_many_are_families():
    from pathlib import Path

    text = (Path(__file__).parents[3] / "eval" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in NLTK_DATA)
    assert f"{len(IFBENCH_FAMILIES)} of the constraints are families" in text
