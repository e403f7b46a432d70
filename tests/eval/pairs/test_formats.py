"""Benchmarks with a guideline a row: each published format gives its rows, and what is wrong is named by its line."""

import gzip
import json
import logging
import re
from collections import Counter
from pathlib import Path

import pytest

from eval.pairs.files import Preferences
from eval.pairs.formats.detection import read_source
from eval.pairs.formats.llmbar import FOLLOW, llmbar_sections
from eval.pairs.ranked.rows import Benchmark, Ranked
from salmon.errors import SalmonError

LLMBAR = {"input": "Sing!", "output_1": "No", "output_2": "La la", "label": 2}
RPR = {
    "prompt": "Sing!",
    "response_a": "La",
    "response_b": "La la la",
    "criteria_x": "Be short.",
    "criteria_y": "Be long.",
    "category_x": "length",
    "scenario_x": "A hurried listener",
}
BEST_OF_4 = {
    "id": "7",
    "prompt": "Sing!",
    "chosen": ["La"],
    "rejected": ["a", "b", "c"],
    "num_correct": 1,
    "num_incorrect": 3,
    "total_completions": 4,
    "subset": "Focus",
}
RANKING = {"prompt": "Sing!", "responses": ["La la", "La", "No"], "guideline": "Sing much.", "contrary": "Be still."}
RMGAP = {
    "id": "x1",
    "domain": "Chat",
    "responses": [{"key": "A", "text": "La"}, {"key": "B", "text": "LA"}],
    "prompt_groups": [
        {"winner": "B", "prompts": [{"text": "Sing loudly!"}, {"text": "Sing, and be loud!"}]},
        {"winner": "A", "prompts": [{"text": "Sing softly!"}]},
    ],
}


def write(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("record", "rows"),
    [
        (LLMBAR, [Ranked("Sing!", ("No", "La la"), (1, 0), "", FOLLOW)]),
        (RPR, [Ranked("Sing!", ("La", "La la la"), (0, 1), "length", "Be short.", "Be long.")]),
        (BEST_OF_4, [Ranked("Sing!", ("La", "a", "b", "c"), (0, 1, 1, 1), "Focus", id="7")]),
        (RANKING, [Ranked("Sing!", ("La la", "La", "No"), (0, 1, 2), "", "Sing much.", "Be still.")]),
        (
            {"prompt": "Sing!", "chosen": "La", "rejected": "No", "guideline": "Sing.", "contrary": "Be still."},
            [Ranked("Sing!", ("La", "No"), (0, 1), "", "Sing.", "Be still.")],
        ),
        (
            RMGAP,
            [
                Ranked("Sing loudly!", ("La", "LA"), (1, 0), "Chat", group="x1:1", id="x1"),
                Ranked("Sing, and be loud!", ("La", "LA"), (1, 0), "Chat", group="x1:1", id="x1"),
                Ranked("Sing softly!", ("La", "LA"), (0, 1), "Chat", group="x1:2", id="x1"),
            ],
        ),
    ],
)
def test_formats(tmp_path, record, rows):
    assert read_source(write(tmp_path / "a.jsonl", record)) == Benchmark(rows, 0, len(rows))
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps([record]).encode()))
    assert read_source(tmp_path / "a.json.gz") == Benchmark(rows, 0, len(rows))


@pytest.mark.parametrize(
    ("instruction", "guideline"),
    [
        (
            "Your first priority is to always generate a response with exactly 43 words.\nYou may.\n\nWhat?",
            "The response is one with exactly 43 words.",
        ),
        (
            'Assuming that all numbers are in base-9 where the digits are "012345678", what is 7+8?',
            'The response calculates in base-9, where the digits are "012345678".',
        ),
    ],
)
def test_a_case_study_states_its_requirement(tmp_path, instruction, guideline):
    (row,) = read_source(write(tmp_path / "a.jsonl", LLMBAR | {"input": instruction})).rows
    assert (row.prompt, row.guideline) == (instruction, guideline)


@pytest.mark.parametrize("layout", ["LLMBar_{}_{}.json", "LLMBar/{}/{}/dataset.json"])
def test_each_set_of_a_folder_is_a_category(tmp_path, layout):
    for kind, name in (("Adversarial", "Manual"), ("Adversarial", "GPTOut")):
        file = tmp_path / layout.format(kind, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([LLMBAR]), encoding="utf-8")
    (tmp_path / "README.md").write_text("not data", encoding="utf-8")
    categories = [row.category for row in read_source(tmp_path).rows]
    assert categories == ["LLMBar_Adversarial_GPTOut", "LLMBar_Adversarial_Manual"]
    assert llmbar_sections(Counter(categories))["llmbar_adversarial"] == dict.fromkeys(categories, 0.5)


def test_plain_pairs_are_pairs_as_ever(tmp_path):
    rows = [{"prompt": "a", "chosen": "b", "rejected": "c", "subset": "Chat", "id": 1}]
    assert isinstance(read_source(write(tmp_path / "a.jsonl", *rows)), Preferences)
    dialogue = [{"role": "user", "content": "Hi"}]
    answers = [[{"role": "assistant", "content": text}] for text in ("b", "c")]
    turns = {"prompt": dialogue, "chosen": answers[0], "rejected": answers[1]}
    assert isinstance(read_source(write(tmp_path / "b.jsonl", turns)), Preferences)


def test_rows_that_prefer_nothing_are_counted_and_named(tmp_path, caplog):
    rows = [LLMBAR, LLMBAR | {"output_1": " "}, LLMBAR | {"output_2": "No"}, LLMBAR | {"input": ""}]
    with caplog.at_level(logging.WARNING, "salmon"):
        found = read_source(write(tmp_path / "a.jsonl", *rows))
    assert (len(found.rows), found.skipped, found.total) == (1, 3, 4)
    said = " ".join(record.getMessage() for record in caplog.records)
    for line, reason in ((2, "response 1 is blank"), (3, "the same text"), (4, "the prompt is blank")):
        assert re.search(rf"a.jsonl, line {line} is left out: [^:]*{reason}", said)
    caplog.clear()
    pairs = [{"prompt": "a", "chosen": "b", "rejected": "c"}, {"prompt": "a", "chosen": "b", "rejected": "b"}]
    with caplog.at_level(logging.WARNING, "salmon"):
        assert read_source(write(tmp_path / "p.jsonl", *pairs)).skipped == 1
    assert "p.jsonl, line 2 is left out" in caplog.text


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([LLMBAR, LLMBAR | {"label": 3}], "line 2: label must be 1 or 2, not 3"),
        ([LLMBAR | {"label": True}], "line 1: label must be 1 or 2, not True"),
        ([LLMBAR | {"label": "1"}], "line 1: label must be 1 or 2, not '1'"),
        ([{key: LLMBAR[key] for key in ("input", "output_1", "label")}], "line 1: output_2 must be text"),
        ([RPR | {"criteria_y": " "}], "line 1: criteria_y must be text that is not blank"),
        ([{key: value for key, value in RPR.items() if key != "criteria_x"}], "line 1: criteria_x must be text"),
        ([RPR | {"criteria_y": "Be short."}], "line 1: the contrary is the guideline itself"),
        ([BEST_OF_4, BEST_OF_4 | {"num_correct": 2}], "line 2: num_correct is 2, but the row has 1"),
        ([BEST_OF_4 | {"rejected": []}], "line 1: rejected must be a list of texts"),
        ([BEST_OF_4 | {"subset": "Ties"}], 'line 1: a row of Ties has an id "ref:NUMBER"'),
        ([RANKING, {"prompt": "a", "responses": ["b", "c"]}], "line 2 has no guideline, but others have one"),
        ([{"prompt": "a", "responses": ["b", "c"], "contrary": "x"}], "line 1 has a contrary but no guideline"),
        ([RANKING | {"responses": ["b"]}], "line 1: responses has only one text"),
        ([RANKING | {"responses": "b"}], "line 1: responses must be a list of texts"),
        ([RANKING | {"guidelin": "b"}], "line 1: unknown guidelin; a row has category, contrary"),
        ([RANKING | {"category": 3}], "line 1: the category must be text"),
        (
            [RANKING | {"group": "g"}, RANKING | {"group": "g", "responses": ["La", "La la", "No"]}],
            "line 2: its responses or their order are not those of .*line 1",
        ),
        ([{"prompt": "a", "chosen": "b", "rejected": "c"}, RPR], "line 1: criteria_x, criteria_y must be text"),
        (
            [
                {"prompt": "a", "chosen": "b", "rejected": "c"},
                {"prompt": "a", "chosen": "b", "rejected": "c", "guideline": "x"},
            ],
            "line 1 has no guideline, but others have one .*line 2",
        ),
        ([RMGAP | {"prompt_groups": [{"winner": "C", "prompts": [{"text": "a"}]}]}], "line 1: winner 'C' is none of"),
        ([RMGAP | {"responses": ["a"]}], "line 1: an instance of RMGAP is like"),
        ([LLMBAR | {"output_1": "La la"}], "no rows in which one response is preferred"),
        ([{"input": "a", "targets": {"choices": ["b", "c"], "labels": [1]}}], "line 1: 2 choices have 1 labels"),
    ],
)
def test_damaged_files(tmp_path, rows, message):
    with pytest.raises(SalmonError, match=f"a.jsonl.*{message}"):
        read_source(write(tmp_path / "a.jsonl", *rows))


def test_llmbar_as_published(real_data):
    found = read_source(real_data("llmbar") / "llmbar")
    sizes = Counter(row.category for row in found.rows)
    sets = {"Natural": 100, "Adversarial_Neighbor": 134, "Adversarial_GPTInst": 92, "Adversarial_GPTOut": 47}
    assert {
        f"LLMBar_{name}": size for name, size in (sets | {"Adversarial_Manual": 46}).items()
    }.items() <= sizes.items()
    assert found.skipped == 0 and len(found.rows) == 419 + 54 + 54 + 89 + 59
    own = {row.category for row in found.rows if row.guideline != FOLLOW}
    assert own == {"CaseStudy_Base_9", "CaseStudy_Base_10", "CaseStudy_Constraint"}
    assert all(row.guideline != FOLLOW for row in found.rows if row.category in own)
    assert {name: len(sets) for name, sets in llmbar_sections(sizes).items()} == {
        "llmbar": 5,
        "llmbar_adversarial": 4,
        "llmbar_case_studies": 4,
    }
