"""Rows in the formats in which people have them, of every kind of row."""

import gzip
import json
from pathlib import Path

import pytest

from salmon.config.data import OnBadLine
from salmon.data.rows import Demonstration, PreferencePair, Prompt
from salmon.data.sources import load_demonstrations, load_pairs, load_prompts
from salmon.errors import SalmonError

STOP, SKIP = OnBadLine.stop, OnBadLine.skip
ASK, REPLY, WORSE = "Why is the sky blue?", "Air scatters blue light.", "No idea."


def said(*turns: tuple[str, str], names: tuple[str, str] = ("role", "content")) -> list[dict[str, str]]:
    return [dict(zip(names, turn, strict=True)) for turn in turns]


CHAT = said(("system", "Be brief."), ("user", ASK), ("assistant", REPLY), ("user", "So?"), ("assistant", "So it is."))
SHAREGPT = said(("human", ASK), ("gpt", REPLY), names=("from", "value"))
PROMPTS = {
    "ours": {"prompt": ASK},
    "alpaca": {"instruction": ASK, "input": "", "output": REPLY, "text": "Below is ..."},
    "alpaca, null input": {"instruction": ASK, "input": None, "output": REPLY},
    "messages": {"messages": CHAT, "source": "x"},
    "ultrachat": {"prompt": ASK, "prompt_id": "1", "messages": CHAT},
    "sharegpt": {"conversations": SHAREGPT, "model": "x"},
    "unanswered": {"messages": CHAT[:2]},
}
PAIRS = {
    "ours": {"prompt": ASK, "chosen": REPLY, "rejected": WORSE},
    "hh": {"chosen": f"\n\nHuman: {ASK}\n\nAssistant: {REPLY}", "rejected": f"\n\nHuman: {ASK}\n\nAssistant: {WORSE}"},
    "ultrafeedback": {
        "prompt": ASK,
        "chosen": said(("user", ASK), ("assistant", REPLY)),
        "rejected": said(("user", ASK), ("assistant", WORSE)),
        "score_chosen": 5,
    },
    "implicit prompt": {
        "chosen": said(("user", ASK), ("assistant", REPLY)),
        "rejected": said(("user", ASK), ("assistant", WORSE)),
    },
    "conversational": {
        "prompt": said(("user", ASK)),
        "chosen": said(("assistant", REPLY)),
        "rejected": said(("assistant", WORSE)),
    },
    "sharegpt": {
        "conversations": SHAREGPT[:1],
        "chosen": {"from": "gpt", "value": REPLY},
        "rejected": {"from": "gpt", "value": WORSE},
    },
    "alpaca": {"instruction": ASK, "input": "", "chosen": REPLY, "rejected": WORSE},
    "messages": {"messages": CHAT[:2], "chosen": REPLY, "rejected": WORSE},
}
KINDS = {
    "lines": lambda rows: "".join(json.dumps(row) + "\n" for row in rows).encode(),
    "array": lambda rows: json.dumps(rows, indent=1).encode(),
    "array on a line": lambda rows: json.dumps(rows).encode(),
    "windows": lambda rows: b"\xef\xbb\xbf" + "\r\n\r\n".join(map(json.dumps, rows)).encode(),
    "windows array": lambda rows: b"\xef\xbb\xbf" + json.dumps(rows, indent=1).replace("\n", "\r\n").encode(),
}


def write(folder: Path, *rows: object, name: str = "rows.jsonl", kind: str = "lines") -> str:
    content = KINDS[kind](list(rows))
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return str(folder / name)


@pytest.mark.parametrize("row", PROMPTS.values(), ids=PROMPTS)
def test_prompts(tmp_path: Path, row: dict) -> None:
    (prompt,) = load_prompts(write(tmp_path, row), STOP)
    assert prompt.prompt == ASK


@pytest.mark.parametrize(
    "row", [row for row in PROMPTS.values() if "messages" not in row or len(row["messages"]) > 2][1:]
)
def test_demonstrations(tmp_path: Path, row: dict) -> None:
    (row,) = load_demonstrations(write(tmp_path, row), STOP)
    assert (row.prompt, row.response, row.finished) == (ASK, REPLY, True)


def test_alpacas_input_follows_its_instruction(tmp_path: Path) -> None:
    row = {"instruction": "Add these.", "input": "1, 2", "output": "3", "id": 7}
    spec = write(tmp_path, row)
    assert load_prompts(spec, STOP) == [Prompt("7", "Add these.\n\n1, 2")]
    assert load_demonstrations(spec, STOP) == [Demonstration("7", "Add these.\n\n1, 2", "3")]


@pytest.mark.parametrize("row", PAIRS.values(), ids=PAIRS)
def test_pairs(tmp_path: Path, row: dict) -> None:
    (pair,) = load_pairs(write(tmp_path, row | {"id": 3}), STOP)
    assert pair == PreferencePair("3", ASK, REPLY, WORSE)


def test_pairs_of_conversations_keep_what_was_said_before(tmp_path: Path) -> None:
    before = said(("user", "Hi"), ("assistant", "Hello"), ("user", ASK))
    answers = {key: said(("assistant", text)) for key, text in (("chosen", REPLY), ("rejected", WORSE))}
    expected = f"Human: Hi\n\nAssistant: Hello\n\nHuman: {ASK}"
    rows = [{"prompt": before, **answers}, {key: before + answer for key, answer in answers.items()}]
    assert [pair.prompt for pair in load_pairs(write(tmp_path, *rows), STOP)] == [expected] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.jsonl.gz", "rows.json.gz"])
def test_kinds_of_files(tmp_path: Path, kind: str, name: str) -> None:
    rows = [{"prompt": ASK, "id": 1}, {"prompt": "Grüße, 世界 🙂\u2028?", "id": "b"}]
    prompts = load_prompts(write(tmp_path, *rows, name=name, kind=kind), STOP)
    assert prompts == [Prompt("1", ASK), Prompt("b", rows[1]["prompt"])]


@pytest.mark.parametrize(
    ("rows", "load", "said"),
    [
        ([{"prompt": ASK}, 3], load_prompts, "row 2: not a JSON object: 3"),
        ([{"prompt": ASK}, {"prompt": " "}], load_prompts, 'row 2: "prompt" is blank'),
        ([{"prompt": ASK, "id": True}], load_prompts, 'row 1: "id" must be text'),
        ([{"prompt": ASK, "id": 1}, {"prompt": "Why?", "id": "1"}], load_prompts, 'row 2: the id "1" was already used'),
        ([{"messages": []}], load_prompts, 'row 1: "messages" must be a list of turns'),
        ([{"messages": CHAT[2:]}], load_prompts, 'row 1: "messages" must begin with a turn of the user'),
        ([{"messages": [{"role": "wizard", "content": "x"}]}], load_prompts, "unknown speaker 'wizard'"),
        ([{"conversations": ["x"]}], load_prompts, 'row 1: a turn of "conversations" must be'),
        ([{"instruction": 3, "output": "x"}], load_prompts, 'row 1: "instruction" and "input" must be texts'),
        ([{"messages": CHAT[:2]}], load_demonstrations, 'row 1: "response" is missing'),
        ([{"prompt": ASK, "chosen": REPLY, "rejected": REPLY}], load_pairs, "row 1: .* are the same text"),
        (
            [{"chosen": f"{PAIRS['hh']['chosen']}\n\nHuman: Thanks", "rejected": PAIRS["hh"]["rejected"]}],
            load_pairs,
            'row 1: the transcript "chosen" ends in a turn of "Human:", so it has no answer to compare',
        ),
        ([{"chosen": 3, "rejected": []}], load_pairs, 'row 1: "rejected" must be a list of turns'),
        (
            [{"chosen": said(("user", ASK)), "rejected": said(("user", ASK))}],
            load_pairs,
            "so it has no answer to compare",
        ),
    ],
)
def test_bad_rows_are_named_or_skipped(tmp_path: Path, rows: list, load, said: str) -> None:
    spec = write(tmp_path, *rows, kind="array")
    with pytest.raises(SalmonError, match=said):
        load(spec, STOP)
    with pytest.raises(SalmonError, match=r"no usable rows \(1 bad|not there") if len(rows) == 1 else _nothing():
        load(spec, SKIP)


class _nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


def test_an_array_that_is_none_says_so(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"prompt": "a"},\n {"prompt": "b"}', encoding="utf-8")
    with pytest.raises(SalmonError, match="rows.json, line 2: not valid JSON .* read as one JSON array; correct it"):
        load_prompts(str(path), SKIP)


def test_real_dialogues_end_with_an_answer(real_data) -> None:
    """Every pair that is read has answers of the assistant."""
    pairs = load_pairs(str(real_data("hh_rlhf") / "hh_rlhf" / "harmless_base_test.jsonl.gz"), SKIP)
    assert len(pairs) > 2000
    for pair in pairs:
        for answer in (pair.chosen, pair.rejected):
            assert "\n\nHuman:" not in answer.rpartition("\n\nAssistant:")[2]
