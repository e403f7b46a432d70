"""Typed rows: what a JSONL file may contain, what is refused, and that writing is all or nothing."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salmon.config.data import OnBadLine
from salmon.data.rows import (
    Demonstration,
    Judgement,
    PreferencePair,
    PreferenceRow,
    Prompt,
    ShownGuideline,
    content_id,
    read_jsonl,
    write_jsonl,
)
from salmon.errors import SalmonError

STOP, SKIP = OnBadLine.stop, OnBadLine.skip
ROW = PreferenceRow(
    id="p1-0",
    prompt_id="p1",
    prompt="Why?",
    response_1="Because.",
    response_2="No\u2028idea.",
    guidelines=(ShownGuideline("Brief", False, "Be short."), ShownGuideline("Kind", True, "Be rude.")),
    scores=(0.5, -1.25),
    label=2,
    decided_by="principle:not Kind",
    flipped=False,
    split="held_out",
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rows.jsonl"


@pytest.mark.parametrize(
    "rows",
    [
        [Prompt("a", "Hello?"), Prompt("b", "1 + 1?", "reasoning"), Prompt("c", "Größe 你好", "red_teaming")],
        [Demonstration("a", "Hello?", "Hi!\nHow are you?")],
        [PreferencePair("a", "Hello?", "Hi!", "Go away.")],
        [Judgement("a", "Brief", 0.25, -3.0), Judgement("a", "Kind", 0.25, -3.0)],
        [ROW],
        [],
    ],
)
def test_what_is_written_is_read_back(path, rows):
    write_jsonl(path, rows)
    assert read_jsonl(path, type(rows[0]) if rows else Prompt, STOP) == (rows, 0)


@pytest.mark.slow
@given(st.lists(st.text(min_size=1).filter(str.strip), max_size=5))
def test_any_text_survives(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    texts = [text.encode("utf-8", "ignore").decode() or "x" for text in texts]
    rows = [Prompt(str(n), text) for n, text in enumerate(texts) if text.strip()]
    write_jsonl(path, rows)
    assert read_jsonl(path, Prompt, STOP) == (rows, 0)


def test_blank_lines_bom_and_windows_line_ends_are_fine(path):
    path.write_bytes(b'\xef\xbb\xbf{"id": "a", "prompt": "One"}\r\n\r\n{"id": "b", "prompt": "Two"}\r\n')
    assert read_jsonl(path, Prompt, STOP) == ([Prompt("a", "One"), Prompt("b", "Two")], 0)


def test_ids_default_to_the_content(path):
    path.write_text('{"prompt": "One"}\n{"prompt": "Two"}\n{"prompt": "One"}\n{"prompt": "One"}\n')
    ids = [row.id for row in read_jsonl(path, Prompt, STOP)[0]]
    one = content_id("One", "general")  # the fields in the order of their names: prompt, type
    assert ids == [one, content_id("Two", "general"), f"{one}-2", f"{one}-3"]
    path.write_text('{"prompt": "Two"}\n{"prompt": "One", "type": "general", "id": null}\n')
    assert [row.id for row in read_jsonl(path, Prompt, STOP)[0]] == [ids[1], ids[0]]


def test_content_id_keeps_texts_apart():
    assert content_id("ab", "c") != content_id("a", "bc")
    assert len(content_id("a")) == 12


BAD = [
    ('{"id": "x", "prompt": "cut off', "not valid JSON"),
    ('["x"]', "not a JSON object"),
    ('{"id": "x"}', '"prompt" is missing'),
    ('{"id": "x", "prompt": "  "}', '"prompt" is blank'),
    ('{"id": "x", "prompt": 5}', '"prompt" must be text, not 5'),
    ('{"id": 7.5, "prompt": "p"}', '"id" must be text, not 7.5'),
    ('{"id": "x", "prompt": "p", "kind": "general"}', 'unknown key "kind"'),
    ('{"id": "x", "prompt": "p", "type": "maths"}', '"type" must be one of general, reasoning, red_teaming'),
    ('{"id": "good", "prompt": "p"}', 'the id "good" was already used at'),
    ('{"id": "x", "promt": "p"}', '"prompt" is missing, unknown key "promt" (did you mean "prompt"?)'),
    ('{"id": "x", "prompt": "\\ud800"}', '"prompt" has half of a character'),
]


@pytest.mark.parametrize(("line", "message"), BAD)
def test_a_bad_line_is_named(path, line, message):
    path.write_text(f'{{"id": "good", "prompt": "One"}}\n\n{line}\n{{"id": "last", "prompt": "Two"}}\n')
    with pytest.raises(SalmonError) as caught:
        read_jsonl(path, Prompt, STOP)
    assert f"{path}, line 3: " in str(caught.value) and message in str(caught.value)
    assert "prompts.on_bad_line=skip" in str(caught.value)


def test_bad_lines_are_skipped_counted_and_logged(path, caplog):
    lines = ['{"id": "good", "prompt": "One"}', *(line for line, _ in BAD), '{"id": "last", "prompt": "Two"}']
    path.write_text("\n".join(lines))
    with caplog.at_level(logging.WARNING, "salmon"):
        rows, skipped = read_jsonl(path, Prompt, SKIP)
    assert [row.id for row in rows] == ["good", "last"]
    assert skipped == len(BAD) == 11
    assert "skipped 11 bad lines" in caplog.text and "line 2" in caplog.text


def test_other_encodings_are_bad_lines(path):
    path.write_bytes('{"prompt": "Größe"}\n'.encode("latin-1") + b'{"prompt": "fine"}\n')
    with pytest.raises(SalmonError, match="line 1: not UTF-8"):
        read_jsonl(path, Prompt, STOP)
    assert read_jsonl(path, Prompt, SKIP)[1] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": 0}, '"label" must be one of 1, 2, not 0'),
        ({"label": True}, '"label" must be a whole number, not True'),
        ({"label": 1.0}, '"label" must be a whole number, not 1.0'),
        ({"flipped": 1}, '"flipped" must be true or false, not 1'),
        ({"scores": [0.5]}, "2 guidelines but 1 scores"),
        ({"scores": 0.5}, '"scores" must be a list'),
        ({"scores": [0.5, "x"]}, '"scores[1]" must be a finite number'),
        ({"scores": [0.5, float("nan")]}, '"scores[1]" is not a finite number (nan)'),
        ({"scores": [0.5, True]}, '"scores[1]" must be a finite number'),
        ({"guidelines": [{"name": "Brief", "negated": False}] * 2}, 'guidelines[0]: "text" is missing'),
        ({"guidelines": ["Brief", "Kind"]}, '"guidelines[0]" must be an object'),
        ({"split": "test"}, '"split" must be one of train, held_out'),
    ],
)
def test_bad_preference_rows(path, change, message):
    write_jsonl(path, [ROW])
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SalmonError) as caught:
        read_jsonl(path, PreferenceRow, STOP)
    assert message in str(caught.value)


def test_whole_numbers_are_numbers(path):
    path.write_text('{"prompt_id": "a", "principle": "Brief", "original_order": 1, "swapped_order": -2}')
    (row,), _ = read_jsonl(path, Judgement, STOP)
    assert row == Judgement("a", "Brief", 1.0, -2.0) and isinstance(row.original_order, float)


def test_a_missing_file_is_named(path):
    with pytest.raises(SalmonError, match="rows.jsonl cannot be read"):
        read_jsonl(path, Prompt, STOP)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(path):
    write_jsonl(path, [Prompt("a", "One")])
    with pytest.raises(ValueError):
        write_jsonl(path, [Judgement("a", "Brief", 0.0, 0.0), Judgement("a", "Brief", float("inf"), 0.0)])
    assert read_jsonl(path, Prompt, STOP) == ([Prompt("a", "One")], 0)
    assert [file.name for file in path.parent.iterdir()] == ["rows.jsonl"]
