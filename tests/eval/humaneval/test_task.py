import json
from dataclasses import replace
from pathlib import Path

import pytest

from eval.benchmark_run import Evaluation
from eval.evaluate import evaluate_checkpoint
from eval.generation.greedy import before_stop
from eval.humaneval.sandbox import ProgramLimits
from eval.humaneval.task import STOPS, TASK, Problem, passed_rows, run_completions, write_completions
from eval.provenance import Provenance
from eval.results import TaskRows, Unavailable
from eval.sources import humaneval_rows
from salmon.errors import SalmonError
from salmon.runtime.jsonl import read_grown

pytestmark = pytest.mark.slow

MINI = Path(__file__).parents[3] / "eval" / "mini"
LIMITS = ProgramLimits(seconds=5, memory_mib=256)


def problems(folder: Path = MINI) -> list[tuple[Problem, str]]:
    """With the right answers."""
    return [
        (Problem(row["task_id"], row["prompt"], row["test"], row["entry_point"]), row["canonical_solution"])
        for row in humaneval_rows(folder, Path("/nowhere"))
    ]


def run(path: Path, answered: list[tuple[Problem, str]]) -> list[dict]:
    try:
        return run_completions([problem for problem, _ in answered], [text for _, text in answered], path, LIMITS)
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_right_answers_pass_and_wrong_ones_do_not(tmp_path):
    (first, right), (second, _), (third, _), (fourth, _) = problems()
    wrong = "    return -1\n"
    rows = run(tmp_path / "r.jsonl", [(first, right), (second, wrong), (third, "    while True: pass\n"), (fourth, "")])
    assert [row["passed"] for row in rows] == [True, False, False, False]
    assert [row["result"] for row in rows][:3] == ["passed", "failed: AssertionError", "timed out"]
    assert read_grown(tmp_path / "r.jsonl") == rows
    table = {row.metric: row for row in passed_rows(TaskRows("sft", TASK, Provenance("a", TASK)), rows)}
    assert (table["pass@1"].value, table["pass@1"].n, table["n_timed_out"].value) == (0.25, 4, 1.0)


def test_every_mini_problem_can_be_solved(tmp_path):
    assert all(row["passed"] for row in run(tmp_path / "r.jsonl", problems()))


def test_the_real_sets_own_solutions_pass_and_stubs_do_not(tmp_path, real_data):
    real = problems(real_data("humaneval"))
    assert (len(real), real[0][0].task_id) == (164, "HumanEval/0")
    assert all(row["passed"] for row in run(tmp_path / "r.jsonl", real))
    stubs = [(problem, "    return None\n") for problem, _ in real]
    assert not any(row["passed"] for row in run(tmp_path / "s.jsonl", stubs))


def test_completions_go_on_where_they_were(tiny, tmp_path, monkeypatch):
    asked, path = [problem for problem, _ in problems()], tmp_path / "completions.jsonl"
    whole = write_completions(tiny, asked, path, 6, batch_size=4)
    lines = path.read_text().splitlines()
    assert [json.loads(line)["task_id"] for line in lines] == [f"Mini/{n}" for n in range(4)]
    path.write_text("\n".join(lines[:2]) + "\n" + lines[2][:10])  # killed in the middle of a line
    assert write_completions(tiny, asked, path, 6, batch_size=1) == whole, "and do not depend on the batch"


def test_programs_run_only_where_that_is_allowed(tiny, suite, tmp_path):
    def rows(execute):
        humaneval = replace(suite.humaneval, execute=execute)
        evaluation = Evaluation(replace(suite, tasks=[TASK], humaneval=humaneval, limit=3), None, 0, tmp_path)
        return evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path / "work")

    (written,) = rows(execute=False)
    assert (written.value, "eval.humaneval.execute=true" in written.note) == (None, True)
    (file,) = (tmp_path / "work").glob("humaneval/*/samples.jsonl")
    before = file.stat().st_mtime_ns
    passed = {row.metric: row for row in rows(execute=True)}
    if passed["pass@1"].value is None:
        pytest.skip(passed["pass@1"].note)
    assert (passed["pass@1"].value, passed["pass@1"].n) == (0.0, 3), "a random model solves nothing"
    assert passed["pass@1"].provenance.scope == "3 problems"
    assert file.stat().st_mtime_ns == before, "completions are kept"
    assert len(read_grown(file.with_name("samples.jsonl_results.jsonl"))) == 3


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("    return 1\n\ndef next():\n", "    return 1\n"),
        ("    return 1\nprint(f(1))\n# a\n", "    return 1"),
        ("    x = 1\n    # a comment\n    return x\n", "    x = 1\n    # a comment\n    return x\n"),
        ("", ""),
    ],
)
def test_a_completion_ends_before_the_first_stop_text(text, kept):
    assert before_stop(text, STOPS) == kept


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "line 1: not valid JSON"),
        (b'{"task_id": "a"}', "line 1: prompt, test, entry_point missing"),
        (b"\xff\xfe", "line 1: not UTF-8 text"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, message):
    file = tmp_path / "humaneval" / "HumanEval.jsonl"
    file.parent.mkdir()
    file.write_bytes(content)
    with pytest.raises(SalmonError, match=f"{file}.*{message}"):
        humaneval_rows(tmp_path, tmp_path)
    file.unlink()
    with pytest.raises(Unavailable, match=r"no humaneval/HumanEval.jsonl\[.gz\] in"):
        humaneval_rows(tmp_path, tmp_path)
