"""MT-Bench's comparisons with a baseline, and a whole MT-Bench by a judge behind a server."""

import importlib
import json
import re
import sys
from argparse import Namespace
from dataclasses import replace
from types import ModuleType

import pytest
from pytest import approx

from eval.benchmark_run import Evaluation
from eval.config import JudgeKind, MTBenchMode
from eval.evaluate import evaluate_checkpoint
from eval.mt_bench import PAIR_TASK
from eval.mt_bench.judges import EndpointRatingJudge, make_rating_judge
from eval.mt_bench.pairs import comparison_prompt, comparison_rows, read_baseline, write_comparisons
from eval.provenance import Provenance
from eval.results import TaskRows
from eval.score.command import parse_score_options, score_saved
from eval.sources import MTBenchData, data_folder, mt_bench_data
from salmon.errors import SalmonError
from salmon.runtime.jsonl import read_grown

pytestmark = pytest.mark.slow

OF = TaskRows("sft", PAIR_TASK, Provenance("h", PAIR_TASK))


@pytest.fixture
def common(monkeypatch):
    """FastChat's module, which imports ``anthropic`` only to have it."""
    monkeypatch.setitem(sys.modules, "anthropic", ModuleType("anthropic"))
    return importlib.import_module("fastchat.llm_judge.common")


@pytest.fixture
def data(tmp_path) -> MTBenchData:
    return mt_bench_data(data_folder("mini"), tmp_path, "mini")


@pytest.fixture
def judge(endpoint, suite, tmp_path) -> EndpointRatingJudge:
    asked = replace(suite.mt_bench.judge, kind=JudgeKind.openai, model="gpt-x", base_url=endpoint.url)
    return EndpointRatingJudge(asked, tmp_path / "replies")


def answers(questions, model, *words) -> list[dict]:
    """Each question answered with the words, numbered by turn."""
    return [
        {
            "question_id": q["question_id"],
            "model_id": model,
            "choices": [{"index": 0, "turns": [f"{' '.join(words)} turn {i + 1}" for i in range(len(q["turns"]))]}],
        }
        for q in questions
    ]


def fastchat_prompt(common, data, question, first, second, turn):
    """Name and texts of what ``fastchat.llm_judge.common.run_judge_pair`` sends, with its call of the judge caught."""
    sent = {}

    def catch(model, conv, temperature, max_tokens):
        sent["system"], sent["user"] = conv.system_message, conv.messages[0][1]
        return "[[A]]"

    needs = question["category"] in common.NEED_REF_CATS
    name = ("pair-math-v1" if needs else "pair-v2") + ("-multi-turn" if turn else "")
    reference = {"choices": [{"turns": data.references[question["question_id"]]}]} if needs else None
    original, common.chat_completion_openai = common.chat_completion_openai, catch
    try:
        asked = common.Judge("gpt-4", data.judge_prompts[name])
        common.run_judge_pair(question, first, second, asked, reference, multi_turn=bool(turn))
    finally:
        common.chat_completion_openai = original
    return name, sent["system"], sent["user"]


@pytest.mark.parametrize(("source", "references"), [("mini", "mini"), ("real", "gpt-4")])
def test_pair_prompts_are_those_of_fastchat(source, references, tmp_path, common, real_data):
    folder = data_folder("mini") if source == "mini" else real_data("mt_bench")
    data = mt_bench_data(folder, tmp_path, references)
    both = zip(answers(data.questions, "m", "One {brace}"), answers(data.questions, "b", "Other"), strict=True)
    for question, (ours, theirs) in zip(data.questions, both, strict=True):
        for turn in (0, 1):
            name, request = comparison_prompt(data, question, ours, theirs, turn)
            expected = fastchat_prompt(common, data, question, ours, theirs, turn)
            assert (name, request.system, request.user) == expected


def shown_first(body) -> str:
    """Model of the answer that the judge was shown first."""
    return "good" if re.search("good|bad", body["messages"][1]["content"])[0] == "good" else "bad"


def prefers_good(body) -> str:
    return "[[A]]" if shown_first(body) == "good" else "[[B]]"


def test_both_orders_and_what_show_result_says(endpoint, judge, data, tmp_path, capsys):
    from fastchat.llm_judge.show_result import display_result_pairwise

    questions = [q for q in data.questions if q["category"] in ("writing", "math", "stem")][:4]
    said = iter(["[[A]]", "[[A]]", "neither", "[[A]]", "[[C]]", "[[C]]"])  # the last three pairs
    calls = []

    def answer(body):
        calls.append(body)
        return prefers_good(body) if len(calls) <= 10 else next(said)

    endpoint.answer = answer
    judge.endpoint.settings.concurrent_calls = 1
    path = tmp_path / "model_judgment" / "gpt-x_pair.jsonl"
    judged = write_comparisons(
        judge, data, questions, answers(questions, "m", "good"), answers(questions, "b", "bad"), path
    )
    assert len(judged) == 8 and len(endpoint.seen) == 16
    assert [shown_first(body) for body in endpoint.seen] == ["good", "bad"] * 8
    assert {body["temperature"] for body in endpoint.seen} == {0}
    assert [(item["question_id"], item["turn"]) for item in judged] == [
        (question["question_id"], turn) for question in questions for turn in (1, 2)
    ], "turns are counted from 1, as FastChat does"
    table = {row.metric: row.value for row in comparison_rows(OF, judged)}
    # 5 wins; both orders for the first: a tie; one without a verdict; a tie
    assert table == {
        "win_rate_adjusted": approx(6 / 7),
        "win_rate": approx(5 / 7),
        "n_win": 5,
        "n_loss": 0,
        "n_tie": 2,
        "n_unparsed": 1,
        "n_failed": 0,
        "n_orders_disagree": 1,
        "n_first_in_both_orders": 1,
        "n_second_in_both_orders": 0,
    }
    display_result_pairwise(Namespace(input_file=str(path), model_list=None, baseline_model="b"))
    shown = capsys.readouterr().out.splitlines()[-1].split()
    assert shown[:4] == ["m", "5", "0", "2"] and float(shown[-1]) == approx(6 / 7, abs=1e-5)
    again = score_saved(parse_score_options(["task=mt_bench", f"predictions={path}"]))
    assert {row.metric: row.value for row in again.rows if row.checkpoint == "m"} == table
    theirs = {row.metric: row.value for row in again.rows if row.checkpoint == "b"}
    assert theirs["n_loss"] == 5 and theirs["win_rate_adjusted"] == approx(1 / 7)
    assert theirs["n_first_in_both_orders"] == 1, "whose answer it was does not change what was shown first"


def test_the_two_turns_of_a_question_are_one_cluster():
    """Of 6 questions both turns come out alike, so 12 rows know no more than 6."""

    def game(question: int, wins: bool) -> list[dict]:
        first, second = ("[[A]]", "[[B]]") if wins else ("[[B]]", "[[A]]")
        return [{"question_id": question, "g1_judgment": first, "g2_judgment": second, "turn": t} for t in (1, 2)]

    both = [row for question in range(6) for row in game(question, question < 4)]
    one_each = both[::2]
    rate, alone = (comparison_rows(OF, rows)[0] for rows in (both, one_each))
    assert (rate.value, rate.n, alone.n) == (approx(2 / 3), 12, 6)
    assert rate.stderr == approx(alone.stderr) == approx((2 / 9 / 5) ** 0.5)  # sqrt(p (1 - p) / (questions - 1))
    assert (rate.low, rate.high) == (approx(2 / 3 - 2.5706 * rate.stderr, abs=1e-4), 1.0)  # t of 5 degrees of freedom


def test_failed_games_are_played_again(endpoint, judge, data, tmp_path):
    questions, path = data.questions[:2], tmp_path / "p.jsonl"
    asked = (answers(questions, "m", "good"), answers(questions, "b", "bad"), path)
    endpoint.answer = lambda body: 500 if len(endpoint.seen) == 3 else prefers_good(body)
    judge.endpoint.settings.concurrent_calls = 1
    judged = write_comparisons(judge, data, questions, *asked)
    table = {row.metric: row.value for row in comparison_rows(OF, judged)}
    assert (table["n_win"], table["n_failed"], table["n_unparsed"]) == (3, 1, 0)
    endpoint.answer = prefers_good
    judged = write_comparisons(judge, data, questions, *asked)
    assert len(endpoint.seen) == 9, "one call more: the other game of the pair was kept"
    assert {row.metric: row.value for row in comparison_rows(OF, judged)}["n_win"] == 4 and len(read_grown(path)) == 4


def test_a_baseline_that_lacks_an_answer_is_named(data, tmp_path):
    path = tmp_path / "vicuna.jsonl"
    rows = answers(data.questions, "v", "fine")
    rows[1]["choices"][0]["turns"].pop()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows[:-1]))
    wanted = f"{rows[1]['question_id']}, {rows[-1]['question_id']}"
    with pytest.raises(SalmonError, match=rf"baseline={path} has no answer.* for question {wanted}; give"):
        read_baseline(path, data.questions)
    assert [row["model_id"] for row in read_baseline(path, data.questions[:1])] == ["v"]


def test_a_whole_mt_bench_by_a_server(tiny, adapter, tiny_config, suite, endpoint, tmp_path):
    baseline = tmp_path / "vicuna.jsonl"
    questions = mt_bench_data(data_folder("mini"), tmp_path, "mini").questions
    baseline.write_text("".join(json.dumps(row) + "\n" for row in answers(questions, "vicuna", "bad")))

    def answer(body):
        return "[[C]]" if "assistant A" in str(body["messages"]) else f"[[{len(endpoint.seen) % 9 + 1}]]"

    endpoint.answer = answer
    asked = replace(
        suite.mt_bench.judge,
        kind=JudgeKind.openai,
        model="gpt-x",
        base_url=endpoint.url,
        repeats=3,
        price_prompt=10.0,
        price_completion=10.0,
    )
    suite.tasks, suite.limit = ["mt_bench"], None
    suite.mt_bench = replace(
        suite.mt_bench, judge=asked, mode=MTBenchMode.both, baseline=str(baseline), template="vicuna_v1.1"
    )

    def evaluated(work: str):
        judge = make_rating_judge(suite.mt_bench.judge, tiny, tiny_config, tmp_path / "cache")
        rows = evaluate_checkpoint(tiny, adapter, "sft", Evaluation(suite, judge, 0, tmp_path), tmp_path / work)
        return {(row.task, row.metric): row for row in rows}

    rows = evaluated("work")
    assert len(endpoint.seen) == 12 * 2 * (3 + 2)
    how = rows["mt_bench", "score"].provenance
    assert (how.template, how.references, how.judge) == ("vicuna_v1.1", "mini", "gpt-x, median of 3")
    assert "median of 3 ratings at temperature 0.7" in rows["mt_bench", "score"].note
    assert "72 calls (7200 + 720 tokens, cost 0.08)" in rows["mt_bench", "score"].note
    assert {q["category"] for q in questions} == {metric[6:] for _, metric in rows if metric.startswith("score/")}
    pairs = rows[PAIR_TASK, "n_tie"]
    assert pairs.value == 24 and pairs.provenance.baseline == "vicuna" and "against vicuna" in pairs.note
    folder = next((tmp_path / "work").rglob("model_judgment"))
    assert sorted(file.name for file in folder.iterdir()) == ["gpt-x_pair.jsonl", "gpt-x_single.jsonl"]
    again = score_saved(parse_score_options(["task=mt_bench", f"predictions={folder}"]))  # a folder with both
    saved = {(row.task, row.metric): row.value for row in again.rows if row.checkpoint == "sft"}
    for figure in (("mt_bench", "score"), (PAIR_TASK, "win_rate_adjusted")):
        assert saved[figure] == approx(rows[figure].value)
    redone = evaluated("elsewhere")
    assert len(endpoint.seen) == 120, "every reply was kept"
    assert redone["mt_bench", "score"].value == rows["mt_bench", "score"].value
    baseline.write_text(baseline.read_text().replace("bad", "worse"))
    evaluated("work")
    assert len(endpoint.seen) == 120 + 48, "another baseline is another comparison, and no other rating"
