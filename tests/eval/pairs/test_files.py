"""Every published format of pairs gives the same pairs, and a damaged file is named."""

import gzip
import json

import pytest

from eval.pairs.files import Preference, read_preferences
from eval.user_files import existing
from salmon.errors import SalmonError

HH_RLHF = "hh_rlhf/harmless_base_test.jsonl.gz"
ASKED = "\n\nHuman: Sing!\n\nAssistant:"
PAIR = Preference("Sing!", "La la", "No", "")


def lines(*rows: dict) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", lines({"prompt": "Sing!", "chosen": "La la", "rejected": "No"})),
        ("a.json", lines({"prompt": "Sing!", "chosen": "La la", "rejected": "No"})),  # what datasets' to_json writes
        ("a.jsonl", lines({"chosen": f"{ASKED} La la", "rejected": f"{ASKED} No"})),
        (
            "task.json",
            json.dumps({"name": "x", "examples": [{"input": "Sing!", "target_scores": {"No": 0, "La la": 1}}]}),
        ),
        ("a.jsonl", lines({"input": "Sing!", "target_scores": {"La la": 1.0, "No": 0.0}})),
        ("a.json", json.dumps([{"input": "Sing!", "targets": {"choices": ["No", "La la"], "labels": [0, 1]}}])),
    ],
)
def test_formats(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert read_preferences(tmp_path / name).pairs == [PAIR]
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    assert read_preferences(tmp_path / f"{name}.gz").pairs == [PAIR]


def test_categories_and_what_is_left_out(tmp_path):
    rows = [
        {"prompt": "a", "chosen": "b", "rejected": "c", "category": "x"},
        {"prompt": "a", "chosen": "b", "rejected": "c", "subset": "hep-go", "chosen_model": "human", "id": 1},
        {"prompt": "a", "chosen": "b", "rejected": "b"},
        {"prompt": " ", "chosen": "b", "rejected": "c"},
    ]
    (tmp_path / "a.jsonl").write_text(lines(*rows))
    found = read_preferences(tmp_path / "a.jsonl")
    assert [pair.category for pair in found.pairs] == ["x", "hep-go"] and found.skipped == 2


def test_a_folder_of_big_bench_tasks(tmp_path):
    for category in ("honest", "harmless"):
        (tmp_path / category).mkdir()
        example = {"input": "Sing!", "target_scores": {"La la": 1, "No": 0}}
        (tmp_path / category / "task.json").write_text(json.dumps({"examples": [example]}))
    assert [pair.category for pair in read_preferences(tmp_path).pairs] == ["harmless", "honest"]
    assert existing("s", str(tmp_path), folder=True) == tmp_path
    with pytest.raises(SalmonError, match=f"s={tmp_path}: there is no file"):
        existing("s", str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "{}\n{", "line 1: prompt, chosen, rejected must be text"),
        ("a.json", '{"prompt": "a", "chosen": "b", "rejected": "c"}\n{', "line 2: not valid JSON"),
        ("a.json", "[1]", "row 1: not a JSON object"),
        (
            "a.jsonl",
            lines({"prompt": "a", "chosen": "b", "rejected": "c", "subset": 3}),
            "line 1: the category must be",
        ),
        (
            "a.jsonl",
            lines({"input": "a", "target_scores": {"b": 1, "c": 0, "d": 0}}),
            r"line 1: a pair has .*\[1, 0, 0\]",
        ),
        ("a.jsonl", lines({"input": "a", "target_scores": {"b": 1, "c": "0"}}), "line 1: a pair has"),
        ("a.jsonl", lines({"target_scores": {"b": 1, "c": 0}}), "line 1: prompt must be text"),
        ("a.jsonl", "\n", "has no pairs"),
    ],
)
def test_damaged_files(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(SalmonError, match=f"{name}.*{message}"):
        read_preferences(tmp_path / name)


def test_hh_rlhf_as_published(real_data):
    found = read_preferences(real_data("hh_rlhf") / HH_RLHF)
    assert (len(found.pairs), found.skipped) == (2308, 4)
