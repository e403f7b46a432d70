import importlib
import json
import sys
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest
from pytest import approx

from eval.jsonl import append_rows, read_rows
from eval.judges import ERROR_TEXT, JudgeRequest, Verdict
from eval.mt_bench import (
    AnswerSettings,
    judge_prompt,
    judged_rows,
    judgment_file,
    write_answers,
    write_judgments,
)
from eval.sources import MTBenchData, data_folder, mt_bench_data
from salmon.errors import SalmonError

SETTINGS = AnswerSettings(max_new_tokens=4, batch_size=2, seed=0)
REAL = Path("/work/shared/data")


class ScriptedJudge:
    """Says what it is told, and counts what it is asked."""

    label, note = "scripted judge/1", "scripted"

    def __init__(self, *verdicts: Verdict):
        self.verdicts, self.asked = list(verdicts), 0

    def rate(self, requests):
        for _ in requests:
            self.asked += 1
            yield self.verdicts.pop(0)


@pytest.fixture
def common(monkeypatch):
    """FastChat's module, which imports ``anthropic`` only to have it."""
    monkeypatch.setitem(sys.modules, "anthropic", ModuleType("anthropic"))
    return importlib.import_module("fastchat.llm_judge.common")


@pytest.fixture
def data(tmp_path) -> MTBenchData:
    return mt_bench_data(data_folder("mini"), tmp_path)


def answer(question, *turns) -> dict:
    return {
        "question_id": question["question_id"],
        "answer_id": "a",
        "model_id": "m",
        "choices": [{"index": 0, "turns": list(turns)}],
        "tstamp": 0.0,
    }


def without_time(rows):
    return [{key: value for key, value in row.items() if key != "tstamp"} for row in rows]


# --- answers -------------------------------------------------------------------------------------


def test_answers_are_in_fastchats_format(tiny, data, tmp_path, common):
    path = tmp_path / "model_answer" / "tiny-sft.jsonl"
    rows = write_answers(tiny, data.questions, path, "tiny-sft", SETTINGS)
    read = common.load_model_answers(str(path.parent))["tiny-sft"]
    assert sorted(read) == sorted(q["question_id"] for q in data.questions)
    assert [read[row["question_id"]] for row in rows] == rows
    assert all(len(row["choices"][0]["turns"]) == 2 and row["model_id"] == "tiny-sft" for row in rows)
    assert not any(row["cut"] for row in rows)


def test_the_second_turn_sees_the_first_answer(tiny, data, tmp_path, monkeypatch):
    seen = []
    original = type(tiny.chat).prompt_ids

    def keep(self, messages, reply_prefix=""):
        seen.append([dict(m) for m in messages])
        return original(self, messages, reply_prefix)

    monkeypatch.setattr(type(tiny.chat), "prompt_ids", keep)
    question = data.questions[0]
    (row,) = write_answers(tiny, [question], tmp_path / "a.jsonl", "m", SETTINGS)
    first, second = question["turns"]
    assert seen[0] == [{"role": "user", "content": first}]
    assert seen[1] == [
        {"role": "user", "content": first},
        {"role": "assistant", "content": row["choices"][0]["turns"][0]},
        {"role": "user", "content": second},
    ]


def test_temperature_is_that_of_the_category(tiny, data, tmp_path, monkeypatch):
    used = {}
    from eval import mt_bench

    def record(shared, prompts, keys, *, temperature, **rest):
        used.update({key[2]: temperature for key in keys})
        return original(shared, prompts, keys, temperature=temperature, **rest)

    original = mt_bench.generate
    monkeypatch.setattr(mt_bench, "generate", record)
    write_answers(tiny, data.questions, tmp_path / "a.jsonl", "m", SETTINGS)
    expected = {
        "writing": 0.7,
        "roleplay": 0.7,
        "extraction": 0,
        "math": 0,
        "coding": 0,
        "reasoning": 0,
        "stem": 0.1,
        "humanities": 0.1,
    }
    assert used == {q["question_id"]: expected[q["category"]] for q in data.questions}


def test_interrupted_answers_continue_and_are_the_same(tiny, data, tmp_path):
    whole = write_answers(tiny, data.questions, tmp_path / "whole.jsonl", "m", SETTINGS)
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    torn = tmp_path / "torn.jsonl"
    torn.write_text("".join(lines[:4]) + lines[4][:30])  # killed in the middle of a line
    continued = write_answers(tiny, data.questions, torn, "m", SETTINGS)
    assert without_time(continued) == without_time(whole)
    assert len(torn.read_text().splitlines()) == 12
    before = torn.read_text()
    write_answers(tiny, data.questions, torn, "m", SETTINGS)
    assert torn.read_text() == before, "what is there is not made again"


def test_answers_depend_on_the_seed_only_where_they_are_sampled(tiny, data, tmp_path):
    by_seed = [
        write_answers(tiny, data.questions, tmp_path / f"{seed}.jsonl", "m", AnswerSettings(4, 4, seed))
        for seed in (0, 1)
    ]
    for question, one, two in zip(data.questions, *by_seed, strict=True):
        same = one["choices"] == two["choices"]
        if question["category"] in {"math", "coding", "reasoning", "extraction"}:
            assert same
        elif question["category"] in {"writing", "roleplay"}:
            assert not same


def test_prompt_that_does_not_fit_is_cut_and_said_so(tiny, data, tmp_path):
    tiny.context = 64
    rows = write_answers(tiny, data.questions[:2], tmp_path / "a.jsonl", "m", SETTINGS)
    assert all(row["cut"] for row in rows)
    tiny.context = 4
    with pytest.raises(SalmonError, match=r"eval\.mt_bench\.max_new_tokens=4"):
        write_answers(tiny, data.questions[:2], tmp_path / "b.jsonl", "m", SETTINGS)


# --- judgements ----------------------------------------------------------------------------------


def fastchat_prompt(common, data, question, reply, turn):
    """What ``fastchat.llm_judge.common.run_judge_single`` sends, with its call of the judge caught."""
    sent = {}

    def catch(model, conv, temperature, max_tokens):
        sent["system"], sent["user"] = conv.to_openai_api_messages()[0]["content"], conv.messages[0][1]
        return "[[3]]"

    needs = question["category"] in common.NEED_REF_CATS
    name = ("single-math-v1" if needs else "single-v1") + ("-multi-turn" if turn else "")
    reference = {"choices": [{"turns": data.references[question["question_id"]]}]} if needs else None
    original, common.chat_completion_openai = common.chat_completion_openai, catch
    try:
        judge = common.Judge("gpt-4", data.judge_prompts[name] | {"output_format": "[[rating]]"})
        common.run_judge_single(question, reply, judge, reference, multi_turn=bool(turn))
    finally:
        common.chat_completion_openai = original
    return name, JudgeRequest(sent["system"], sent["user"])


@pytest.mark.parametrize("folder", ["mini", "real"])
def test_judge_prompts_are_those_of_fastchat(folder, tmp_path, common):
    if folder == "real" and not REAL.is_dir():
        pytest.skip(f"the real data sets are not at {REAL}")
    data = mt_bench_data(data_folder("mini" if folder == "mini" else str(REAL)), tmp_path)
    for question in data.questions:
        reply = answer(question, "One {braces} answer.", "Another.")
        for turn in (0, 1):
            assert judge_prompt(data, question, reply, turn) == fastchat_prompt(
                common, data, question, reply, turn
            )


def test_missing_reference_answer_is_named(data):
    question = {"question_id": 99, "category": "math", "turns": ["1+1?", "2+2?"]}
    with pytest.raises(
        SalmonError, match=r"reference_answer/mini\.jsonl has no answer for question 99 \(math\)"
    ):
        judge_prompt(data, question, answer(question, "2", "4"), 0)


def judged(data, path, *verdicts):
    questions = [q for q in data.questions if q["category"] == "writing"][:1] + [
        q for q in data.questions if q["category"] == "stem"
    ][:1]
    judge = ScriptedJudge(*verdicts)
    return write_judgments(judge, data, questions, [answer(q, "A", "B") for q in questions], path), judge


def test_show_result_reads_the_file_and_we_count_what_it_drops(data, tmp_path, capsys):
    from fastchat.llm_judge.show_result import display_result_single

    path = tmp_path / "model_judgment" / "scripted_single.jsonl"
    rows, _ = judged(
        data,
        path,
        Verdict("[[4]]", 4.0),
        Verdict("none", None),
        Verdict(ERROR_TEXT, None),
        Verdict("[[7]]", 7.0),
    )
    assert [row["score"] for row in rows] == [4.0, -1, -1, 7.0]
    display_result_single(
        Namespace(input_file=str(path), model_list=None, bench_name="mt_bench", judge_model="x")
    )
    shown = capsys.readouterr().out.split("########## ")
    assert [part.split()[0] for part in shown[1:]] == ["First", "Second", "Average"]
    assert [float(part.split()[-1]) for part in shown[1:]] == [
        4.0,
        7.0,
        5.5,
    ]  # first turn, second turn, average
    table = {row.metric: row for row in judged_rows("sft", rows, "note")}
    assert table["score"].value == 5.5 and table["score"].n == 2
    assert table["score_turn_1"].value == 4.0 and table["score_turn_2"].value == 7.0
    assert (table["n_scored"].value, table["n_unparsed"].value, table["n_failed"].value) == (2, 1, 1)
    assert table["n_scored"].n == 4


def test_rating_files_have_fastchats_keys(data, tmp_path):
    rows, judge = judged(data, tmp_path / "j.jsonl", *[Verdict("[[5]]", 5.0)] * 4)
    keys = {"question_id", "model", "judge", "user_prompt", "judgment", "score", "turn", "tstamp"}
    assert all(set(row) == keys for row in rows)
    assert rows[1]["judge"] == ["scripted judge/1", "single-v1-multi-turn"] and rows[1]["turn"] == 2
    assert judgment_file(judge) == "scripted_judge_1_single.jsonl"


def test_failed_calls_are_made_again_and_nothing_else(data, tmp_path):
    path = tmp_path / "j.jsonl"
    judged(
        data,
        path,
        Verdict("[[4]]", 4.0),
        Verdict("none", None),
        Verdict(ERROR_TEXT, None),
        Verdict("[[7]]", 7.0),
    )
    rows, judge = judged(data, path, Verdict("[[9]]", 9.0))
    assert judge.asked == 1
    assert [row["score"] for row in rows] == [4.0, -1, 9.0, 7.0]
    assert len(read_rows(path)) == 4, "the failed row is replaced, so that FastChat sees each turn once"


def test_mean_and_error_literal():
    def judgment(question, turn, score):
        return {"question_id": question, "turn": turn, "score": score, "judgment": "text"}

    rows = [judgment(1, 1, 2.0), judgment(1, 2, 4.0), judgment(2, 1, 8.0), judgment(2, 2, -1)]
    score = judged_rows("sft", rows, "")[0]
    # FastChat's mean: over the three rated turns, 14 / 3. Questions: 3 and 8, deviation from 5.5 is 2.5 each,
    # variance (6.25 + 6.25) / 1 = 12.5, standard error sqrt(12.5 / 2) = 2.5
    assert score.value == approx(14 / 3)
    assert score.stderr == approx(2.5)
    counting_unparsed = sum(row["score"] for row in rows) / 4
    assert counting_unparsed != approx(score.value)


def test_jsonl_that_was_torn(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    append_rows(path, [{"a": 1}, {"a": 2}])
    with path.open("a") as file:
        file.write('{"a": ')
    assert read_rows(path) == [{"a": 1}, {"a": 2}]
    append_rows(path, [{"a": 3}])
    assert [json.loads(line)["a"] for line in path.read_text().splitlines()] == [1, 2, 3]
