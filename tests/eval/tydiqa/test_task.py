import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from pytest import approx

from eval.benchmark_run import Evaluation
from eval.config import TYDIQA_LANGUAGES
from eval.evaluate import evaluate_checkpoint
from eval.lm_eval.harness import load_tasks, local_task, write_rows
from eval.lm_eval.model import PrefixLM
from eval.provenance import Provenance
from eval.results import TaskRows, Unavailable
from eval.tydiqa.data import FILES, tydiqa_data
from eval.tydiqa.task import CODES, FOLDER, TASK, answer_questions, language_rows, tydiqa_questions
from salmon.errors import SalmonError
from salmon.runtime.jsonl import read_grown
from salmon.sampling.token_loop import Generation

pytestmark = pytest.mark.slow

MINI = Path(__file__).parents[3] / "eval" / "mini"
LANGUAGES = ["english", "finnish", "indonesian", "russian"]


def lines(split: str) -> list[dict]:
    return [json.loads(line) for line in (MINI / FOLDER / f"{split}.jsonl").read_text().splitlines()]


@pytest.fixture
def lm(tiny):
    return PrefixLM(tiny, 4)


# --- data ----------------------------------------------------------------------------------------


def test_mini_answers_are_where_they_say():
    for row in (*lines("train"), *lines("validation")):
        (text,), (start,) = row["answers"]["text"], row["answers"]["answer_start"]
        assert row["context"][start:].startswith(text)


def test_data_by_language():
    data = tydiqa_data(MINI, None)
    assert list(data) == LANGUAGES and [len(found.questions) for found in data.values()] == [3, 2, 2, 2]
    assert data["finnish"].example["question"].startswith("Kuinka pitkä")
    assert list(tydiqa_data(MINI, ["russian", "english"])) == ["english", "russian"]
    with pytest.raises(SalmonError, match=f"{MINI / FOLDER}: no training example, or no question, in korean"):
        tydiqa_data(MINI, ["korean", "english"])


def test_the_original_files_and_the_hubs_lines_are_the_same(tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    for split, names in FILES.items():
        articles = [
            {
                "title": row["title"],
                "paragraphs": [
                    {
                        "context": row["context"],
                        "qas": [
                            {
                                "id": row["id"],
                                "question": row["question"],
                                "answers": [
                                    {"text": t, "answer_start": s}
                                    for t, s in zip(row["answers"]["text"], row["answers"]["answer_start"], strict=True)
                                ],
                            }
                        ],
                    }
                ],
            }
            for row in lines(split)
        ]
        (folder / names[-1]).write_text(json.dumps({"version": "x", "data": articles}))
    assert tydiqa_data(tmp_path, None) == tydiqa_data(MINI, None)
    (folder / FILES["train"][-1]).write_text('{"data": [{"paragraphs": [{}]}]}')
    with pytest.raises(SalmonError, match=r"tydiqa-goldp-v1.1-train.json is not in the format"):
        tydiqa_data(tmp_path, None)


def test_the_hubs_rows(monkeypatch):
    import datasets

    asked = []

    def load(name, config, split):
        asked.append((name, config, split))
        return datasets.Dataset.from_list(lines(split))

    monkeypatch.setattr("eval.hub_rows.require_hub", lambda: None)
    monkeypatch.setattr(datasets, "load_dataset", load)
    assert tydiqa_data(None, None) == tydiqa_data(MINI, None)
    assert asked[0] == ("google-research-datasets/tydiqa", "secondary_task", "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "klingon-1"}, r", row 2: id 'klingon-1' does not begin with a language"),
        ({"context": " "}, r", row 2 \(id english-mini-validation-1\): context and question must be texts"),
        ({"answers": {"text": []}}, r", row 2 \(id english-mini-validation-1\): answers must be"),
        ({"answers": ["x"]}, r", row 2 \(id english"),
        ({"id": "english-mini-validation-0"}, r": id english-mini-validation-0 more than once"),
        (None, r", line 2: not valid JSON"),
    ],
)
def test_damaged_rows_are_named(tmp_path, change, message):
    (tmp_path / FOLDER).mkdir()
    texts = [json.dumps(row) for row in lines("validation")]
    texts[1] = json.dumps({**lines("validation")[1], **change}) if change else texts[1][:20]
    (tmp_path / FOLDER / "train.jsonl").write_text((MINI / FOLDER / "train.jsonl").read_text())
    (tmp_path / FOLDER / "validation.jsonl").write_text("\n".join(texts))
    with pytest.raises(SalmonError, match=f"validation.jsonl{message}"):
        tydiqa_data(tmp_path, None)


def test_the_example_is_the_first_training_row_of_its_language(tmp_path):
    (tmp_path / FOLDER).mkdir()
    later = {**lines("train")[1], "id": "finnish-later", "question": "Later?"}
    (tmp_path / FOLDER / "train.json").write_text("\n".join(json.dumps(row) for row in [*lines("train"), later]))
    (tmp_path / FOLDER / "validation.json").write_text((MINI / FOLDER / "validation.jsonl").read_text())
    assert tydiqa_data(tmp_path, None) == tydiqa_data(MINI, None)


def test_a_missing_file_is_unavailable(tmp_path):
    with pytest.raises(Unavailable, match=r"none of train.jsonl, train.json, tydiqa-goldp-v1.1-train.json in"):
        tydiqa_data(tmp_path, None)


# --- prompts and scores --------------------------------------------------------------------------


def test_lm_eval_has_a_task_for_every_language():
    assert set(CODES) == set(TYDIQA_LANGUAGES)
    import lm_eval

    packaged = Path(lm_eval.__file__).parent / "tasks" / FOLDER
    assert {path.stem.rpartition("_")[2] for path in packaged.glob("tydiqa_goldp_*.yaml")} == set(CODES.values())


def test_a_prompt_is_the_example_of_its_language_then_the_question(lm, suite, tmp_path):
    questions, version = tydiqa_questions(
        lm, tydiqa_data(MINI, ["finnish", "russian"]), replace(suite, limit=None), tmp_path
    )
    assert version == "1.0" and [q.language for q in questions] == ["finnish"] * 2 + ["russian"] * 2
    example, (first, second) = lines("train")[1], [row for row in lines("validation") if "finnish" in row["id"]]
    shown = [
        f"Konteksti: {row['context']}\n\nKysymys: {row['question']}\n\nVastaus:" for row in (example, first, second)
    ]
    assert [q.prompt for q in questions[:2]] == [f"{shown[0]} 42 kilometriä\n\n{asked}" for asked in shown[1:]]
    assert questions[0].stops == ["\n"]
    chat, _ = tydiqa_questions(
        lm, tydiqa_data(MINI, ["english"]), replace(suite, chat_template=True, limit=1), tmp_path
    )
    assert chat[0].prompt.count("### User") == 2 and chat[0].prompt.count("### Assistant") == 2 and len(chat) == 1


def test_answers_are_scored_as_lm_eval_scores_them(lm, suite, tmp_path, monkeypatch):
    said = {
        "english-mini-validation-0": " About two years!\nContext: more",
        "english-mini-validation-1": " Lind\n",
        "english-mini-validation-2": "\n3,200 kilograms",
        "russian-mini-validation-7": " 38 метров",
        "russian-mini-validation-8": " двухсот страниц\n",
    }
    questions, _ = tydiqa_questions(lm, tydiqa_data(MINI, ["english", "russian"]), replace(suite, limit=None), tmp_path)
    made = (Generation(lm.shared.chat.encode(text), [], True) for text in said.values())
    monkeypatch.setattr("eval.tydiqa.task.greedy_answers", lambda shared, prompts, *_: [next(made) for _ in prompts])
    rows = answer_questions(lm, questions, tmp_path / "a.jsonl", 4, 2)
    assert [row["id"] for row in rows] == list(said) and [row["raw"] for row in rows] == list(said.values())
    assert [row["answer"] for row in rows] == ["About two years!", "Lind", "", "38 метров", "двухсот страниц"]
    # "Lind" of "Maria Lind": precision 1, recall 1/2. One of 2 words of "около двухсот книг": 1/2 and 1/3.
    assert [row["f1"] for row in rows] == approx([1, 2 / 3, 0, 1, 0.4])
    assert [row["exact_match"] for row in rows] == [1, 0, 0, 1, 0]

    table = {row.metric: row for row in language_rows(TaskRows("sft", TASK, Provenance("a", TASK)), rows)}
    assert list(table) == [
        "f1",
        "exact_match",
        "n_empty",
        "n_cut",
        "f1/english",
        "f1/russian",
        "exact_match/english",
        "exact_match/russian",
    ]
    assert (table["f1/english"].value, table["f1/russian"].value) == approx((5 / 9, 0.7))
    assert table["f1"].value == approx((5 / 9 + 0.7) / 2) and table["f1"].n == 5
    assert table["f1"].value != approx(3.0667 / 5, abs=1e-3), "not the mean over questions"
    assert table["f1"].stderr == approx(math.hypot(table["f1/english"].stderr, table["f1/russian"].stderr) / 2)
    assert table["exact_match"].value == approx((1 / 3 + 1 / 2) / 2) and table["n_empty"].value == 1


@pytest.mark.parametrize("scores", [[0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1.0]])
def test_no_error_is_claimed_where_none_is_known(scores):
    """Nothing varies; a language of one question."""
    rows = [
        {"language": name, "f1": score, "exact_match": score, "answer": "x", "cut_tokens": 0}
        for name, score in zip(("english", "english", "finnish", "finnish"), scores, strict=False)
    ]
    total = language_rows(TaskRows("sft", TASK, Provenance("a", TASK)), rows)[0]
    assert total.value is not None and (total.stderr, total.interval) == (None, None)


# --- with a model --------------------------------------------------------------------------------


def test_answers_go_on_where_they_were(lm, suite, tmp_path, monkeypatch):
    questions, _ = tydiqa_questions(lm, tydiqa_data(MINI, ["english", "finnish"]), replace(suite, limit=None), tmp_path)
    path = tmp_path / "answers.jsonl"
    whole = answer_questions(lm, questions, path, 6, batch_size=4)
    kept = path.read_text().splitlines()
    assert len(kept) == 5 and len({row["raw"] for row in whole}) > 1
    path.write_text("\n".join(kept[:2]) + "\n" + kept[2][:30])  # killed in the middle of a line
    assert answer_questions(lm, questions, path, 6, batch_size=1) == whole, "and do not depend on the batch"
    monkeypatch.setattr("eval.tydiqa.task.greedy_answers", None)
    assert answer_questions(lm, questions, path, 6, batch_size=4) == whole, "nothing is asked again"


def test_a_prompt_that_is_too_long_loses_its_beginning_and_is_counted(lm, suite, tmp_path):
    questions, _ = tydiqa_questions(lm, tydiqa_data(MINI, ["english"]), replace(suite, limit=None), tmp_path)
    lengths = sorted(len(lm.tok_encode(question.prompt)) for question in questions)
    lm.shared.context = lengths[-1] - 1 + 6
    rows = answer_questions(lm, questions, tmp_path / "a.jsonl", 6, 4)
    assert sorted(row["cut_tokens"] for row in rows) == [0, 0, 1]
    table = {row.metric: row for row in language_rows(TaskRows("sft", TASK, Provenance("a", TASK)), rows)}
    assert table["n_cut"].value == 1


def test_the_task_of_a_checkpoint(tiny, adapter, suite, tmp_path):
    evaluation = Evaluation(replace(suite, tasks=[TASK], limit=1), None, 0, tmp_path)
    rows = {row.metric: row for row in evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path / "w")}
    assert rows["f1"].n == 4 and rows["f1"].provenance.scope == "4 of 9 languages"
    assert (rows["f1"].provenance.shots, rows["f1"].provenance.task_version) == (1, "1.0")
    assert "SMOKE TEST" in rows["f1"].note and "LIMITED to the first 1 items" in rows["f1"].note
    (file,) = (tmp_path / "w").glob(f"{TASK}/*/answers.jsonl")
    saved = read_grown(file)
    assert [row["language"] for row in saved] == LANGUAGES
    assert {"prompt", "raw", "answer", "gold", "f1", "exact_match"} <= saved[0].keys()
    before = file.stat().st_mtime_ns
    wider = replace(evaluation, config=replace(evaluation.config, limit=2))
    assert {r.metric: r for r in evaluate_checkpoint(tiny, adapter, "sft", wider, tmp_path / "w")}["f1"].n == 8
    assert read_grown(file)[:4] == saved and file.stat().st_mtime_ns > before, "only what was not asked yet"
    suite.tydiqa.max_new_tokens = tiny.context
    with pytest.raises(SalmonError, match="leaves no room for a prompt in model.context"):
        evaluate_checkpoint(tiny, adapter, "sft", evaluation, tmp_path / "x")


def test_without_data_there_is_a_row_that_says_so(tiny, suite, tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("eval.network.reachable", lambda url: False)
    evaluation = Evaluation(replace(suite, tasks=[TASK], data_dir=None), None, 0, tmp_path)
    (row,) = evaluate_checkpoint(tiny, None, "base", evaluation, tmp_path / "w")
    assert (row.task, row.metric, row.value) == (TASK, "f1", None) and "eval.data_dir" in row.note


def test_lm_eval_itself_gives_the_same_answers_and_scores(lm, suite, tmp_path):
    """Its own evaluation of its own task, on the same rows."""
    from lm_eval.evaluator import evaluate

    data = tydiqa_data(MINI, ["english"])
    questions, _ = tydiqa_questions(lm, data, replace(suite, limit=None), tmp_path)
    ours = answer_questions(lm, questions, tmp_path / "a.jsonl", 6, 4)
    files = {
        "train": write_rows(tmp_path / "t.jsonl", [data["english"].example]),
        "validation": write_rows(tmp_path / "v.jsonl", data["english"].questions),
    }
    loaded = load_tasks([{**local_task("tydiqa_goldp_en", files), "num_fewshot": 1}], False, (FOLDER,))
    for task in loaded["tasks"].values():
        task.set_config(key="generation_kwargs", value={"max_gen_toks": 6}, update=True)
    (theirs,) = evaluate(lm=lm, task_dict=loaded, bootstrap_iters=0)["samples"].values()
    assert [sample["arguments"][0][0] for sample in theirs] == [row["prompt"] for row in ours]
    assert [sample["resps"][0][0].strip() for sample in theirs] == [row["answer"] for row in ours]
    assert [sample["f1"] for sample in theirs] == [row["f1"] for row in ours]


def test_the_real_set_has_all_languages(real_data):
    data = tydiqa_data(real_data(FOLDER), None)
    assert list(data) == list(TYDIQA_LANGUAGES)
    assert sum(len(found.questions) for found in data.values()) == 5077
