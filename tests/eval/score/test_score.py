"""``python -m eval score``: hand-made files with known answers, and what it says of files that are wrong."""

import json
import math
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from pytest import approx

from eval.bbh.run import run_bbh
from eval.config import BBHMode
from eval.mt_bench.judges import parse_winner
from eval.score.command import parse_score_options, run_score, score_saved
from eval.sources import data_folder
from eval.truthfulqa.choices import run_truthfulqa
from salmon.errors import SalmonError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def save(path: Path, rows: list) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scored(task: str, path: Path, *words: str):
    return score_saved(parse_score_options([f"task={task}", f"predictions={path}", *words]))


def values(found, checkpoint: str | None = None) -> dict[str, float]:
    return {row.metric: row.value for row in found.rows if checkpoint in (None, row.checkpoint)}


def lines(found, start: str) -> list[str]:
    return next(finding.lines for finding in found.findings if finding.title.startswith(start))


# --- BIG-Bench Hard ------------------------------------------------------------------------------

BBH = [
    {"prediction": "So the answer is (A).", "target": "(A)", "task": "snarks", "input": "1"},
    {"prediction": "So the answer is (B)", "target": "(B)", "task": "snarks", "input": "2"},  # lm-eval reads "(B"
    {"prediction": "So the answer is (A).", "target": "(B)", "task": "snarks", "input": "3"},
    {"prediction": "", "target": "Yes", "task": "navigate", "input": "1"},
    {"prediction": "I cannot tell.", "target": "Yes", "task": "navigate", "input": "2"},
    {"prediction": "So the answer is Yes.", "target": "Yes", "task": "navigate", "input": "2"},
]


@pytest.mark.parametrize("as_array", [False, True])
def test_bbh(tmp_path, as_array):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(BBH, indent=1)) if as_array else save(path, BBH)
    found = scored("bbh", path)
    assert values(found) == {
        "accuracy": approx(3 / 6),
        "exact_match_lm_eval": approx(2 / 6),
        "n_unparsed": 2,
        "n_empty": 1,
        "n_lost_by_lm_eval": 1,
        "n_only_by_lm_eval": 0,
        "accuracy_task_mean": approx(1 / 2),
        "accuracy/navigate": approx(1 / 3),
        "accuracy/snarks": approx(2 / 3),
    }
    row = found.rows[0]
    # Wilson: z = 1.959964, p = 1/2, n = 6: 0.5 +- z sqrt(1/24 + z^2/144) / (1 + z^2/6) = 0.5 +- 0.3124
    assert (row.n, row.low, row.high) == (6, approx(0.1876, abs=1e-4), approx(0.8124, abs=1e-4))
    differ = lines(found, "Ours and lm-eval differ")
    place = f"{path}, item 2" if as_array else f"{path}:2"
    assert len(differ) == 1 and differ[0].startswith(place) and "'(B'" in differ[0]
    assert len(lines(found, "No answer can be read")) == 2
    assert len(lines(found, "Task and input occur more than once")) == 1
    assert [item["right"] for item in found.items] == [True, True, False, False, False, True]


def test_bbh_of_direct_prompts_is_compared_as_lm_eval_compares_it(tmp_path):
    path = save(tmp_path / "p.jsonl", [{"prediction": " No", "target": "No"}, {"prediction": "No", "target": "No"}])
    found = scored("bbh", path)
    assert values(found) == {
        "accuracy": 1,
        "exact_match_lm_eval": 0.5,
        "n_unparsed": 0,
        "n_empty": 0,
        "n_lost_by_lm_eval": 1,
        "n_only_by_lm_eval": 0,
    }
    assert found.rows[0].task == "bbh_direct"
    assert scored("bbh", path, "mode=cot").rows[1].value == 0
    assert found.rows[0].low == approx(0.3424, abs=1e-4), "all right is not certain: 2 / (2 + 1.96^2)"


@pytest.mark.parametrize("mode", BBHMode)
def test_the_samples_of_an_evaluation_give_its_own_figures(tiny, suite, tmp_path, mode):
    suite.bbh.mode = mode
    live = {row.metric: row.value for row in run_bbh(tiny, "base", suite, data_folder("mini"), tmp_path / "bbh")}
    again = values(scored("bbh", tmp_path / "bbh" / "samples", f"mode={mode.value}"))
    assert {metric: again[metric] for metric in live} == live
    assert {"accuracy/navigate", "accuracy/object_counting"} <= set(again)
    tasks = ["truthfulqa_mc1", "truthfulqa_mc2"]
    rows = run_truthfulqa(tiny, "base", tasks, suite, data_folder("mini"), tmp_path / "mc")
    found = scored("truthfulqa_mc", tmp_path / "mc" / "samples")
    assert [row.value for row in found.rows if row.metric == "acc"] == approx([row.value for row in rows])


@pytest.mark.parametrize(
    "name",
    [
        "samples_bbh_cot_fewshot_web_of_lies_2024-05-01T10-00-00.123456",
        "samples_bbh_fewshot_web_of_lies_2024-05-01",
        "samples_bbh_zeroshot_web_of_lies_2024-05-01T10-00-00",
        "bbh_cot_fewshot_web_of_lies",
        "web_of_lies",
    ],
)
def test_bbh_task_is_named_by_the_file_of_samples(tmp_path, name):
    path = save(tmp_path / f"{name}.jsonl", [{"resps": [["the answer is No."]], "target": "No", "doc": {"input": "1"}}])
    assert values(scored("bbh", path))["accuracy/web_of_lies"] == 1


# --- TruthfulQA ----------------------------------------------------------------------------------


def test_truthfulqa(tmp_path):
    one, several = {"loglikelihoods": [-1, -2, -3], "labels": [1, 0, 0]}, {"loglikelihoods": [0, 0], "labels": [1, 0]}
    path = save(
        tmp_path / "p.jsonl",
        [
            {"question": "a", "mc1": one, "mc2": {"loglikelihoods": [-1000, -1001, -1002], "labels": [1, 1, 0]}},
            {"question": "b", "mc1": {"loglikelihoods": [-2, -1], "labels": [1, 0]}, "mc2": several},
            {"question": "b", "mc1": several, "mc2": {"loglikelihoods": [math.nan, 0], "labels": [1, 0]}},
        ],
    )
    found = scored("truthfulqa_mc", path)
    mc1, mc2 = ([row for row in found.rows if row.task == f"truthfulqa_mc{i}"] for i in (1, 2))
    assert [row.value for row in mc1] == [approx(2 / 3), 0, 1]
    # (1 + e^-1) / (1 + e^-1 + e^-2) = 0.90996943, although e^-1000 is 0 in floating point; then 1/2, and NaN as 0
    assert [row.value for row in mc2] == [approx((0.90996943 + 0.5) / 3), 1, 1]
    assert lines(found, "truthfulqa_mc2: NaN") == [f"{path}:3: [nan, 0.0]"]
    assert lines(found, "truthfulqa_mc1: the likeliest choice is tied") == [f"{path}:3: [0.0, 0.0]"]
    assert lines(found, "truthfulqa_mc1: a question occurs more than once") == [f"{path}:3 repeats {path}:2"]


def test_one_list_of_choices_is_mc1_where_one_is_true(tmp_path):
    path = save(
        tmp_path / "p.jsonl",
        [{"loglikelihoods": [-1, -2], "labels": [0, 1]}, {"loglikelihoods": [-1, None, -2], "labels": [1, 1, 0]}],
    )
    found = scored("truthfulqa_mc", path)
    assert [(r.task, r.value, r.n) for r in found.rows if r.metric == "acc"] == [
        ("truthfulqa_mc1", 0, 1),
        ("truthfulqa_mc2", approx(math.exp(-1) / (1 + math.exp(-1)) / 2), 2),
    ]
    assert lines(found, "Not in MC1") == [f"{path}:2"]


# --- MT-Bench ------------------------------------------------------------------------------------


def judgement(question, turn, text, score, model="m", judge="gpt-4"):
    return {
        "question_id": question,
        "model": model,
        "judge": [judge, "single-v1"],
        "user_prompt": "",
        "judgment": text,
        "score": score,
        "turn": turn,
        "tstamp": 0.0,
    }


def show_result(path, capsys) -> list[float]:
    """First turn, second turn and average of the one model, by FastChat's own function."""
    from fastchat.llm_judge.show_result import display_result_single

    display_result_single(Namespace(input_file=str(path), model_list=None, bench_name="mt_bench", judge_model="x"))
    return [float(part.split()[-1]) for part in capsys.readouterr().out.split("########## ")[1:]]


def test_mt_bench_is_what_show_result_says_where_all_is_parsed(tmp_path, capsys):
    scores = ((81, 1, 8), (81, 2, 5), (82, 1, 4.5), (82, 2, 10))
    rows = [judgement(question, turn, f"Fine. Rating: [[{score}]]", score) for question, turn, score in scores]
    path = save(tmp_path / "gpt-4_single.jsonl", rows)
    found = values(scored("mt_bench", path))
    assert [found["score_turn_1"], found["score_turn_2"], found["score"]] == approx(show_result(path, capsys))
    assert (found["score"], found["n_scored"], found["n_unparsed"], found["n_failed"]) == (6.875, 4, 0, 0)
    assert found["score_show_result"] == found["score"]


def test_mt_bench_counts_and_names_what_show_result_drops(tmp_path, capsys):
    path = save(
        tmp_path / "j.jsonl",
        [
            judgement(81, 1, "[[8]]", 8),
            judgement(81, 2, "no verdict", -1),
            judgement(82, 1, "$ERROR$", -1),
            judgement(82, 2, "Rating: [[6]]", -1),  # stored as unparsed, yet there it stands
            judgement(83, 1, "[[11]]", 11),  # off the scale; FastChat keeps it
            judgement(84, 1, "[[2]]", 9),
            judgement(84, 1, "[[3]]", 3),
            judgement(85, 2, "[[5]]", 5),
        ],
    )
    found = scored("mt_bench", path)
    figures = values(found)
    assert figures["score"] == approx((8 + 6 + 2 + 3 + 5) / 5)
    assert (figures["n_scored"], figures["n_unparsed"], figures["n_failed"]) == (5, 2, 1)
    assert figures["score_show_result"] == approx(show_result(path, capsys)[2]) == approx((8 + 11 + 9 + 3 + 5) / 5)
    assert [line.split(": ")[0] for line in lines(found, "No rating")] == [f"{path}:{n}" for n in (2, 3, 5)]
    assert [line.split(": ")[0] for line in lines(found, "The stored score")] == [f"{path}:{n}" for n in (4, 5, 6)]
    assert lines(found, "Judged more than once") == [f"{path}:7 repeats {path}:6"]


def test_the_score_of_a_local_judge_keeps_its_digits(tmp_path):
    found = scored("mt_bench", save(tmp_path / "j.jsonl", [judgement(81, 1, "[[4.1235]]", 4.123456)]))
    assert values(found)["score"] == 4.123456 and lines(found, "The stored score") == []


def test_mt_bench_by_category_model_and_judge(tmp_path):
    asked = [{"question_id": 1, "category": "math"}, {"question_id": 2, "category": "stem"}]
    questions = save(tmp_path / "q.jsonl", asked)
    rows = [
        judgement(1, 1, "[[4]]", 4),
        judgement(1, 2, "[[6]]", 6),
        judgement(2, 1, "[[9]]", 9),
        judgement(1, 1, "[[2]]", 2, judge="other"),
        judgement(1, 1, "[[7]]", 7, model="n"),
    ]
    found = scored("mt_bench", save(tmp_path / "j.jsonl", rows), f"questions={questions}")
    assert [list(values(found, name)) != [] for name in ("m by gpt-4", "m by other", "n")] == [True] * 3
    assert values(found, "m by gpt-4")["score/math"] == 5 and values(found, "m by gpt-4")["score/stem"] == 9
    assert values(found, "m by other")["score"] == 2 and values(found, "n")["score"] == 7
    with pytest.raises(SalmonError, match=r"j\.jsonl:1: question 7 is not in the file"):
        scored("mt_bench", save(tmp_path / "j.jsonl", [judgement(7, 1, "[[4]]", 4)]), f"questions={questions}")


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("So [[A]]", "A"),
        ("[[B]] it is", "B"),
        ("[[C]]", "C"),
        ("none", None),
        ("[A]", None),
        ("[[A]], not [[B]]", None),
        ("[[B]]. Final verdict: [[B]]", "B"),
    ],
)
def test_verdicts_on_pairs(text, verdict):
    assert parse_winner(text) == verdict


def test_pairs(tmp_path):
    def pair(question, first, second, stored):
        return {
            "question_id": question,
            "model_1": "m",
            "model_2": "n",
            "judge": ["gpt-4", "v2"],
            "turn": 1,
            "g1_winner": stored[0],
            "g2_winner": stored[1],
            "g1_judgment": first,
            "g2_judgment": second,
        }

    path = save(
        tmp_path / "p.jsonl",
        [
            pair(1, "[[A]]", "[[B]]", ("model_1", "model_1")),  # m in both orders
            pair(2, "[[A]]", "[[A]]", ("model_1", "model_2")),  # the first place in both: a tie
            pair(3, "[[C]]", "[[C]]", ("tie", "tie")),
            pair(4, "[[B]]", "[[A]]", ("model_1", "model_2")),  # n; the file says otherwise
            pair(5, "nothing", "[[A]]", ("error", "model_2")),
        ],
    )
    found = scored("mt_bench", path)
    expected = {
        "win_rate_adjusted": 0.5,
        "win_rate": 0.25,
        "n_win": 1,
        "n_loss": 1,
        "n_tie": 2,
        "n_unparsed": 1,
        "n_failed": 0,
        "n_orders_disagree": 1,
        "n_first_in_both_orders": 1,
        "n_second_in_both_orders": 0,
    }
    assert values(found, "m") == expected == values(found, "n")
    assert lines(found, "A game without") == [f"{path}:5"]
    assert [line.split(": ")[0] for line in lines(found, "The stored winners")] == [f"{path}:4"]


# --- bad input, and the command itself -----------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "content", "message"),
    [
        ("bbh", "", "f: is empty"),
        ("bbh", "[]", "f: no items"),
        ("bbh", '{"prediction": "a", "target": "b"}\n{"prediction": ', "f:2: not valid JSON"),
        ("bbh", '[{"prediction": "a",\n "target": }]', "f:2: not valid JSON"),
        ("bbh", '{"prediction": "a"}', "f:1: no key 'target'"),
        ("bbh", '[{"prediction": "a", "target": "b"}, {"answer": "a"}]', "f, item 2: no key 'prediction'"),
        ("bbh", '{"prediction": 3, "target": "b"}', "f:1: 'prediction' is 3"),
        ("bbh", "[1]", "f, item 1: not a JSON object: 1"),
        ("truthfulqa_mc", '{"loglikelihoods": [-1], "labels": [1, 0]}', "f:1: 1 loglikelihoods for 2 labels"),
        ("truthfulqa_mc", '{"loglikelihoods": [-1, -2], "labels": [0, 0]}', "f:1: labels are"),
        ("truthfulqa_mc", '{"loglikelihoods": [-1, "x"], "labels": [0, 1]}', "f:1: the loglikelihood 'x' is no number"),
        ("truthfulqa_mc", '{"mc1": {"loglikelihoods": [-1, -2], "labels": [1, 1]}}', "f:1: mc1 has 2 true choices"),
        ("truthfulqa_mc", '{"prediction": "a", "target": "b"}', "f:1: no key 'loglikelihoods'"),
        (
            "mt_bench",
            '{"question_id": 1, "model": "m", "judge": ["j"], "score": 1, "turn": 1}',
            "f:1: no key 'judgment'",
        ),
    ],
)
def test_bad_files_are_named(tmp_path, task, content, message):
    path = tmp_path / "f"
    path.write_text(content)
    with pytest.raises(SalmonError) as raised:
        scored(task, path)
    assert str(raised.value).startswith(f"{tmp_path}/{message}")


def test_text_is_cut_at_line_ends_only(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prediction": "So the answer is\u2028(A)", "target": "(A)"}\n', encoding="utf-8")
    assert scored("bbh", path).rows[0].n == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["task=bbh"], "needs predictions="),
        (["predictions=f"], "needs task="),
        (["task=x", "predictions=f"], "task=x"),
        (["task=bbh", "predictions=f", "typo=1"], "typo=1"),
        (["task=bbh", "task=bbh"], "given twice"),
        (["bbh"], "bbh"),
        (["task=bbh", "predictions=f", "mode=both"], "mode=both"),
        (["task=truthfulqa_mc", "predictions=f", "mode=cot"], "for task=bbh only"),
    ],
)
def test_words_that_are_refused(words, message):
    with pytest.raises(SalmonError, match=message):
        parse_score_options(words)


def command(*words: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "eval", "score", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.slow
def test_the_command(tmp_path):
    done = command("task=bbh", f"predictions={save(tmp_path / 'p.jsonl', BBH)}", f"output={tmp_path / 'out'}")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "| bbh_cot | accuracy | 0.500 [0.188, 0.812] (n=6) |" in done.stdout
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert "eval score task=bbh" in results["command"] and results["rows"][0]["value"] == 0.5
    assert len((tmp_path / "out" / "items.jsonl").read_text().splitlines()) == 6
    failed = command("task=bbh", f"predictions={tmp_path / 'nowhere'}")
    assert failed.returncode == 1 and "Traceback" not in failed.stderr and "nowhere cannot be read" in failed.stderr


def test_long_lists_are_whole_in_the_file_only(tmp_path):
    path = save(tmp_path / "p.jsonl", [{"prediction": "", "target": "No"}] * 30)
    shown = run_score(["task=bbh", f"predictions={path}", f"output={tmp_path / 'out'}"])
    assert f"{path}:20:" in shown and f"{path}:21:" not in shown and "and 10 more" in shown
    assert f"{path}:30:" in (tmp_path / "out" / "results.md").read_text()
