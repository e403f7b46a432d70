import importlib
import json
import sys
from argparse import Namespace
from dataclasses import replace
from types import ModuleType

import pytest
from pytest import approx

from eval.mt_bench.answers import ConversationSettings, write_conversations
from eval.mt_bench.judges import ERROR_TEXT, JudgePrompt, RatingVerdict
from eval.mt_bench.rows import rating_rows
from eval.mt_bench.single import REPEATS_FOLDER, rating_prompt, write_ratings
from eval.mt_bench.template import FastChatTemplate, make_template
from eval.mt_bench.verdicts import judgment_file, require_references
from eval.sources import MTBenchData, data_folder, mt_bench_data
from salmon.errors import SalmonError
from salmon.runtime.jsonl import append_records, read_grown

pytestmark = pytest.mark.slow

SETTINGS = ConversationSettings(max_new_tokens=4, batch_size=2, seed=0)


class ScriptedJudge:
    """Says what it is told, and counts what it is asked."""

    label, note, usage, weights = "scripted judge/1", "scripted", None, ""

    def __init__(self, *verdicts: RatingVerdict, repeats: int = 1):
        self.verdicts, self.asked, self.repeats = list(verdicts), 0, repeats

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
    return mt_bench_data(data_folder("mini"), tmp_path, "mini")


def answer(question, *turns) -> dict:
    return {
        "question_id": question["question_id"],
        "answer_id": "a",
        "model_id": "m",
        "choices": [{"index": 0, "turns": list(turns)}],
    }


# --- answers -------------------------------------------------------------------------------------


def test_answers_are_in_fastchats_format(tiny, data, tmp_path, common):
    path = tmp_path / "model_answer" / "tiny-sft.jsonl"
    rows = write_conversations(tiny, data.questions, path, "tiny-sft", SETTINGS)
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
    (row,) = write_conversations(tiny, [question], tmp_path / "a.jsonl", "m", SETTINGS)
    first, second = question["turns"]
    assert seen[0] == [{"role": "user", "content": first}]
    assert seen[1] == [
        {"role": "user", "content": first},
        {"role": "assistant", "content": row["choices"][0]["turns"][0]},
        {"role": "user", "content": second},
    ]


def test_temperature_is_that_of_the_category(tiny, data, tmp_path, monkeypatch):
    used = {}
    from eval.mt_bench import template

    def record(shared, prompts, keys, *, temperature, **rest):
        used.update({key[2]: temperature for key in keys})
        return original(shared, prompts, keys, temperature=temperature, **rest)

    original = template.generate
    monkeypatch.setattr(template, "generate", record)
    write_conversations(tiny, data.questions, tmp_path / "a.jsonl", "m", SETTINGS)
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
    whole = write_conversations(tiny, data.questions, tmp_path / "whole.jsonl", "m", SETTINGS)
    lines = (tmp_path / "whole.jsonl").read_text().splitlines(keepends=True)
    torn = tmp_path / "torn.jsonl"
    torn.write_text("".join(lines[:4]) + lines[4][:30])  # killed in the middle of a line
    continued = write_conversations(tiny, data.questions, torn, "m", SETTINGS)
    assert continued == whole
    assert len(torn.read_text().splitlines()) == 12
    before = torn.read_text()
    write_conversations(tiny, data.questions, torn, "m", SETTINGS)
    assert torn.read_text() == before, "what is there is not made again"


def test_answers_depend_on_the_seed_only_where_they_are_sampled(tiny, data, tmp_path):
    by_seed = [
        write_conversations(tiny, data.questions, tmp_path / f"{seed}.jsonl", "m", ConversationSettings(4, 4, seed))
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
    rows = write_conversations(tiny, data.questions[:2], tmp_path / "a.jsonl", "m", SETTINGS)
    assert all(row["cut"] for row in rows)
    tiny.context = 4
    with pytest.raises(SalmonError, match=r"eval\.mt_bench\.max_new_tokens=4"):
        write_conversations(tiny, data.questions[:2], tmp_path / "b.jsonl", "m", SETTINGS)


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
    return name, JudgePrompt(sent["system"], sent["user"])


@pytest.mark.parametrize(("source", "references"), [("mini", "mini"), ("real", "gpt-4")])
def test_judge_prompts_are_those_of_fastchat(source, references, tmp_path, common, real_data):
    folder = data_folder("mini") if source == "mini" else real_data("mt_bench")
    data = mt_bench_data(folder, tmp_path, references)
    for question in data.questions:
        reply = answer(question, "One {braces} answer.", "Another.")
        for turn in (0, 1):
            assert rating_prompt(data, question, reply, turn) == fastchat_prompt(common, data, question, reply, turn)


def test_missing_reference_answers_are_named_before_anything_is_asked(data):
    require_references(data, data.questions)
    questions = [*data.questions, {"question_id": 99, "category": "math", "turns": ["1+1?", "2+2?"]}]
    with pytest.raises(SalmonError, match=r"by mini \(.*reference_answer/mini\.jsonl\) lack question 99 \(math\): add"):
        require_references(data, questions)


def test_the_author_of_references_is_named_and_never_another(tmp_path):
    folder = data_folder("mini")
    absent = mt_bench_data(folder, tmp_path, "gpt-4")
    assert absent.references == {} and absent.reference_author == "gpt-4"
    with pytest.raises(SalmonError, match=r"gpt-4\.jsonl\) lack question .*eval\.mt_bench\.references"):
        require_references(absent, absent.questions)
    corrected = tmp_path / "gpt-4.jsonl"  # a file of one's own with the name of FastChat's
    corrected.write_text((folder / "mt_bench" / "reference_answer" / "mini.jsonl").read_text())
    mine = mt_bench_data(folder, tmp_path, str(corrected))
    assert mine.reference_author.startswith("gpt-4, not FastChat's (sha256 ") and len(mine.references) > 0
    corrected.write_text('{"question_id": 1, "choices": [{"turns": "no list"}]}\n')
    with pytest.raises(SalmonError, match=r"gpt-4\.jsonl: question 1 has no"):
        mt_bench_data(folder, tmp_path, str(corrected))


def judged(data, path, *verdicts, repeats=1):
    questions = [q for q in data.questions if q["category"] == "writing"][:1] + [
        q for q in data.questions if q["category"] == "stem"
    ][:1]
    judge = ScriptedJudge(*verdicts, repeats=repeats)
    return write_ratings(judge, data, questions, [answer(q, "A", "B") for q in questions], path), judge


def test_show_result_reads_the_file_and_we_count_what_it_drops(data, tmp_path, capsys):
    from fastchat.llm_judge.show_result import display_result_single

    path = tmp_path / "model_judgment" / "scripted_single.jsonl"
    rows, _ = judged(
        data,
        path,
        RatingVerdict("[[4]]", 4.0),
        RatingVerdict("none", None),
        RatingVerdict(ERROR_TEXT, None),
        RatingVerdict("[[7]]", 7.0),
    )
    assert [row["score"] for row in rows] == [4.0, -1, -1, 7.0]
    display_result_single(Namespace(input_file=str(path), model_list=None, bench_name="mt_bench", judge_model="x"))
    shown = capsys.readouterr().out.split("########## ")
    assert [part.split()[0] for part in shown[1:]] == ["First", "Second", "Average"]
    assert [float(part.split()[-1]) for part in shown[1:]] == [
        4.0,
        7.0,
        5.5,
    ]  # first turn, second turn, average
    table = {row.metric: row for row in rating_rows("sft", rows, "note")}
    assert table["score"].value == 5.5 and table["score"].n == 2
    assert table["score_turn_1"].value == 4.0 and table["score_turn_2"].value == 7.0
    assert (table["n_scored"].value, table["n_unparsed"].value, table["n_failed"].value) == (2, 1, 1)
    assert table["n_scored"].n == 4


def test_rating_files_have_fastchats_keys(data, tmp_path):
    rows, judge = judged(data, tmp_path / "j.jsonl", *[RatingVerdict("[[5]]", 5.0)] * 4)
    keys = {"question_id", "model", "judge", "user_prompt", "judgment", "score", "turn", "request"}
    assert all(set(row) == keys for row in rows)
    assert rows[1]["judge"] == ["scripted judge/1", "single-v1-multi-turn"] and rows[1]["turn"] == 2
    assert judgment_file(judge) == "scripted_judge_1_single.jsonl"


def test_failed_calls_are_made_again_and_nothing_else(data, tmp_path):
    path = tmp_path / "j.jsonl"
    judged(
        data,
        path,
        RatingVerdict("[[4]]", 4.0),
        RatingVerdict("none", None),
        RatingVerdict(ERROR_TEXT, None),
        RatingVerdict("[[7]]", 7.0),
    )
    rows, judge = judged(data, path, RatingVerdict("[[9]]", 9.0))
    assert judge.asked == 1
    assert [row["score"] for row in rows] == [4.0, -1, 9.0, 7.0]
    assert len(read_grown(path)) == 4, "the failed row is replaced, so that FastChat sees each turn once"


def test_mean_and_error_literal():
    def judgment(question, turn, score):
        return {"question_id": question, "turn": turn, "score": score, "judgment": "text"}

    rows = [judgment(1, 1, 2.0), judgment(1, 2, 4.0), judgment(2, 1, 8.0), judgment(2, 2, -1)]
    score = rating_rows("sft", rows, "")[0]
    # FastChat's mean: over the three rated turns, 14 / 3. Questions: 3 and 8, deviation from 5.5 is 2.5 each,
    # variance (6.25 + 6.25) / 1 = 12.5, standard error sqrt(12.5 / 2) = 2.5
    assert score.value == approx(14 / 3)
    assert score.stderr == approx(2.5)
    counting_unparsed = sum(row["score"] for row in rows) / 4
    assert counting_unparsed != approx(score.value)


def test_jsonl_that_was_torn(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_grown(path) == []
    append_records(path, [{"a": 1}, {"a": 2}])
    with path.open("a") as file:
        file.write('{"a": ')
    assert read_grown(path) == [{"a": 1}, {"a": 2}]
    append_records(path, [{"a": 3}])
    assert [json.loads(line)["a"] for line in path.read_text().splitlines()] == [1, 2, 3]


def test_a_changed_question_judge_or_reference_is_judged_again(data, tmp_path):
    path = tmp_path / "j.jsonl"
    question = next(q for q in data.questions if q["category"] == "math")

    def scores(on, reply, *verdicts):
        judge = ScriptedJudge(*verdicts)
        return [row["score"] for row in write_ratings(judge, on, [question], [answer(question, *reply)], path)]

    four, six, eight, two = (RatingVerdict(f"[[{n}]]", float(n)) for n in (4, 6, 8, 2))
    assert scores(data, ("A", "B"), four, six) == [4, 6]
    assert scores(data, ("A", "B")) == [4, 6], "nothing is asked twice"
    assert scores(data, ("A", "C"), eight) == [4, 8], "the second answer is in the second prompt only"
    corrected = replace(data, references={question["question_id"]: ["another", "one"]})
    assert scores(corrected, ("A", "C"), two, two) == [2, 2]
    assert len(read_grown(path)) == 2


def test_verdicts_without_a_rating_or_with_several_are_counted_and_named(data, tmp_path):
    rows, _ = judged(
        data,
        tmp_path / "j.jsonl",
        RatingVerdict("I cannot judge this.", None),
        RatingVerdict("[[3]] or [[5]], [[3]]", 3.0),
        RatingVerdict("[[7]], as I said [[7]]", 7.0),
        RatingVerdict("A: [[1]] B: [[2]] C: [[3]] D: [[4]] E: [[5]]", 1.0),
    )
    categories = {row["question_id"]: "writing" if i < 2 else "stem" for i, row in enumerate(rows)}
    table = {row.metric: row for row in rating_rows("sft", rows, "note", None, categories)}
    first, second = rows[0]["question_id"], rows[3]["question_id"]
    assert table["n_unparsed"].value == 1 and table["n_unparsed"].note == f"note; n_unparsed: question {first} turn 1"
    assert table["n_several_ratings"].value == 2
    assert f"question {first} turn 2, {second} turn 2" in table["n_several_ratings"].note
    assert (table["score/writing"].value, table["score/writing"].n) == (3.0, 1)
    assert (table["score/stem"].value, table["score"].value) == (4.0, approx(11 / 3))
    assert "judge_std" not in table


def test_the_median_of_several_ratings_counts(data, tmp_path, capsys):
    from fastchat.llm_judge.show_result import display_result_single

    path = tmp_path / "model_judgment" / "scripted_single.jsonl"
    said = [[9, 1, 5], [4, 4, 6], [7, None, 8], [2, 2, 2]]
    verdicts = [RatingVerdict("none" if n is None else f"[[{n}]]", n) for item in said for n in item]
    rows, _ = judged(data, path, *verdicts, repeats=3)
    assert [row["score"] for row in rows] == [5, 4, 7, 2], "of 7 and 8 the lower"
    assert [row["judgment"] for row in rows] == ["[[5]]", "[[4]]", "[[7]]", "[[2]]"]
    assert [row["ratings"] for row in rows] == said
    assert len(read_grown(tmp_path / REPEATS_FOLDER / path.name)) == 12 and len(read_grown(path)) == 4
    display_result_single(Namespace(input_file=str(path), model_list=None, bench_name="mt_bench", judge_model="x"))
    table = {row.metric: row.value for row in rating_rows("sft", rows, "")}
    assert float(capsys.readouterr().out.split()[-1]) == table["score"] == 4.5
    # Over the three turns that every repetition rated: ranges 8, 2, 0; averages (9+4+2)/3, (1+4+2)/3, (5+6+2)/3
    # = 5, 7/3, 13/3, whose mean is 35/9 and deviations 10/9, -14/9, 4/9: variance (100 + 196 + 16) / 81 / 2
    assert table["judge_range"] == approx(10 / 3) and table["judge_std"] == approx((312 / 162) ** 0.5)
    assert table["n_unrated_repeats"] == 1


def test_a_failed_repetition_is_asked_again_and_only_it(data, tmp_path):
    path = tmp_path / "model_judgment" / "j.jsonl"
    good = RatingVerdict("[[4]]", 4.0)
    rows, _ = judged(data, path, *[good] * 4, RatingVerdict(ERROR_TEXT, None), *[good] * 7, repeats=3)
    table = {row.metric: row.value for row in rating_rows("sft", rows, "")}
    assert (table["n_failed"], table["n_scored"], table["n_unparsed"]) == (1, 3, 0)
    rows, judge = judged(data, path, RatingVerdict("[[9]]", 9.0), repeats=3)
    assert judge.asked == 1 and rows[1]["ratings"] == [4.0, 9.0, 4.0] and rows[1]["score"] == 4


# --- FastChat's conversations --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vicuna_v1.1", "llama-2", "one_shot", "alpaca"])
def test_prompts_by_fastchats_conversations(tiny, name):
    from fastchat.conversation import get_conv_template

    template = make_template(name)
    messages = [("user", "One?"), ("assistant", "First."), ("user", "Two?")]
    conversation = get_conv_template(name)
    for i, (_, text) in enumerate([*messages, ("assistant", None)]):
        conversation.append_message(conversation.roles[i % 2], text)
    ids = template.prompt_ids(tiny.chat, [{"role": role, "content": text} for role, text in messages])
    assert ids == tiny.tokenizer(conversation.get_prompt())["input_ids"]
    assert ids != tiny.chat.prompt_ids([{"role": role, "content": text} for role, text in messages])


def test_an_answer_ends_at_the_stops_of_the_conversation(tiny, data, tmp_path, monkeypatch):
    template = make_template("one_shot")
    assert template.stops == ("###",)
    ids = tiny.chat.encode(" Yes.\n### Human: and?")
    assert template.answer(tiny.chat, ids) == "Yes."
    assert FastChatTemplate("x", (), frozenset(ids[-2:-1])).answer(tiny.chat, ids) == tiny.chat.decode(ids[:-2]).strip()
    free = ConversationSettings(max_new_tokens=24, batch_size=4, seed=0, template="one_shot")
    question = next(q for q in data.questions if q["category"] == "writing")
    (whole,) = write_conversations(tiny, [question], tmp_path / "a.jsonl", "m", free)
    text = whole["choices"][0]["turns"][0]
    stop = text[len(text) // 2 :][:2]
    monkeypatch.setattr("eval.mt_bench.answers.make_template", lambda name: replace(template, stops=(stop,)))
    (stopped,) = write_conversations(tiny, [question], tmp_path / "b.jsonl", "m", free)
    assert stopped["choices"][0]["turns"][0] == text[: text.find(stop)].strip()


def test_an_unknown_conversation_is_refused_with_the_list():
    assert make_template("tokenizer") is None
    with pytest.raises(SalmonError, match=r"eval\.mt_bench\.template=vicuna: it must be tokenizer, .*vicuna_v1\.1"):
        make_template("vicuna")
