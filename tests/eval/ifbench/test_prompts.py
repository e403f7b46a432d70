"""Rows of IFBench: read as they are, and refused by line where their constraints could not be checked as they stand."""

import json
import random
from collections import Counter
from pathlib import Path

import pytest

from eval.ifbench import constraints as module
from eval.ifbench.constraints import Constraint, constraint_ids
from eval.ifbench.prompts import HUB, ifbench_prompts, read_prompts
from eval.results import NoData, Unavailable
from salmon.errors import SalmonError

MINI = Path(__file__).parents[3] / "eval" / "mini"
ROW = {
    "key": "7",
    "prompt": "Why is the sky blue? Mention exactly 2 numbers.",
    "instruction_id_list": ["count:numbers"],
    "kwargs": [{"N": 2.0, "word": None}],
}


def test_the_bundled_rows():
    prompts = ifbench_prompts(MINI)
    assert [len(prompt.constraints) for prompt in prompts] == [1] * 6 + [2] * 2
    assert prompts[0].constraints == (Constraint("count:numbers", (("N", 3),)),), "null is no argument"
    assert prompts[6].constraints[0].arguments == (("min_words", 30), ("max_words", 60))


def test_a_row_is_what_it_says(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "key": 8}))
    first, second = read_prompts(tmp_path / "a.jsonl")
    assert (first.key, first.prompt, second.key) == ("7", ROW["prompt"], "8")
    number = dict(first.constraints[0].arguments)["N"]
    assert number == 2 and isinstance(number, int), "a place in a list must be a whole number"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": None}, "key must be text or a whole number"),
        ({"key": True}, "key must be text or a whole number"),
        ({"key": "7"}, "key '7' stands more than once"),
        ({"prompt": "  "}, "prompt must be text that is not blank"),
        ({"prompt": None}, "prompt must be text that is not blank"),
        ({"instruction_id_list": []}, "instruction_id_list must name at least one constraint"),
        ({"instruction_id_list": "count:numbers"}, "instruction_id_list must name at least one constraint"),
        ({"instruction_id_list": ["count:number"]}, r'unknown instruction id "count:number" \(did you mean'),
        ({"kwargs": []}, "kwargs must be a list of 1 objects"),
        ({"kwargs": None}, "kwargs must be a list of 1 objects"),
        ({"kwargs": [None]}, "kwargs must be a list of 1 objects"),
        ({"kwargs": [{}]}, "kwargs of count:numbers: N missing; it takes N"),
        ({"kwargs": [{"N": None}]}, "kwargs of count:numbers: N missing"),
        ({"kwargs": [{"N": 2, "word": "sky"}]}, "kwargs of count:numbers: unknown word; it takes N"),
        ({"kwargs": [{"N": "two"}]}, "N must be a number from 0 on, not 'two'"),
        ({"kwargs": [{"N": -1}]}, "N must be a number from 0 on, not -1"),
        ({"kwargs": [{"N": True}]}, "N must be a number from 0 on, not True"),
        ({"instruction_id_list": ["format:list"], "kwargs": [{"sep": " "}]}, "sep must be text that is not blank"),
        ({"instruction_id_list": ["format:list"], "kwargs": [{"sep": 3}]}, "sep must be text that is not blank, not 3"),
        (
            {"instruction_id_list": ["count:words_japanese"], "kwargs": [{"N": 0}]},
            r"kwargs {'N': 0} cannot be checked \(count:words_japanese: ZeroDivisionError",
        ),
    ],
)
def test_bad_rows_are_named(tmp_path, change, message):
    rows = [ROW, {**ROW, "key": "8", **change}]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(SalmonError, match=f"a.jsonl, line 2: .*{message}"):
        read_prompts(tmp_path / "a.jsonl")


def test_files(tmp_path):
    with pytest.raises(NoData, match="no ifbench/IFBench_test.jsonl"):
        ifbench_prompts(tmp_path)
    (tmp_path / "a.jsonl").write_text("\n")
    with pytest.raises(SalmonError, match="a.jsonl has no prompts"):
        read_prompts(tmp_path / "a.jsonl")


def test_the_hubs_rows(monkeypatch):
    import datasets

    asked = []

    def load(name, config, split):
        asked.append((name, config, split))
        return datasets.Dataset.from_list([ROW])

    monkeypatch.setattr("eval.hub_rows.require_hub", lambda: None)
    monkeypatch.setattr(datasets, "load_dataset", load)
    assert [prompt.key for prompt in ifbench_prompts(None)] == ["7"]
    assert asked == [(HUB[0], None, HUB[1])]
    monkeypatch.setitem(ROW, "kwargs", [{"N": -2}])
    with pytest.raises(SalmonError, match="allenai/IFBench_test, row 1: kwargs of count:numbers: N must be"):
        ifbench_prompts(None)


def test_no_network(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("eval.network.reachable", lambda url: False)
    with pytest.raises(Unavailable, match="set eval.data_dir"):
        ifbench_prompts(None)


def test_the_real_set(real_data, monkeypatch):
    prompts = ifbench_prompts(real_data("ifbench"))
    assert len(prompts) == 300 and Counter(len(prompt.constraints) for prompt in prompts) == {1: 256, 2: 44}
    used = [constraint for prompt in prompts for constraint in prompt.constraints]
    assert {constraint.id for constraint in used} == set(constraint_ids())
    unchecked = module.NLTK_DATA.keys()
    assert sum(constraint.id in unchecked for constraint in used) == 29 and len(used) == 344
    for draw in ("sample", "choice", "randint"):  # an argument that the row has is never drawn
        monkeypatch.setattr(random, draw, None)
    for constraint in used:
        if constraint.id not in unchecked:
            constraint.follows("Every day brings one thing. Some days bring two things.")
