"""Sources: bundled, JSONL in our and other formats, the hub (replaced here), transcripts, identities."""

import json
import sys
from types import SimpleNamespace

import pytest

from salmon.config.data import OnBadLine
from salmon.data.formats import pair_of
from salmon.data.rows import Demonstration, PreferencePair, Prompt
from salmon.data.sources import (
    load_demonstrations,
    load_pairs,
    load_prompts,
    source_identity,
)
from salmon.errors import SalmonError

STOP, SKIP = OnBadLine.stop, OnBadLine.skip


def write(folder, *rows) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


class FakeHub:
    """Stands in for ``datasets``; records what was asked for."""

    def __init__(self, rows=(), error=None):
        self.rows, self.error, self.asked = rows, error, None

    def load_dataset(self, name, split):
        self.asked = (name, split)
        if self.error:
            raise self.error
        return FakeDataset(self.rows)


class FakeDataset(list):
    @property
    def column_names(self):
        return list(self[0])


@pytest.fixture
def hub(monkeypatch):
    def install(*rows, error=None):
        fake = FakeHub(rows, error)
        monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=fake.load_dataset))
        return fake

    return install


def test_bundled_prompts_load():
    prompts = load_prompts("bundled", STOP)
    assert len({prompt.id for prompt in prompts}) == len(prompts) > 100
    assert {prompt.type for prompt in prompts} == {"general", "reasoning", "red_teaming"}


def test_own_rows(tmp_path):
    spec = write(tmp_path, {"prompt": "1 + 1?", "type": "reasoning", "id": "a"})
    assert load_prompts(spec, STOP) == [Prompt("a", "1 + 1?", "reasoning")]
    spec = write(tmp_path, {"prompt": "Hello?", "response": "Hi!", "id": "a"})
    assert load_demonstrations(spec, STOP) == [Demonstration("a", "Hello?", "Hi!")]
    spec = write(tmp_path, {"prompt": "Hello?", "chosen": "Hi!", "rejected": "No.", "id": "a"})
    assert load_pairs(spec, STOP) == [PreferencePair("a", "Hello?", "Hi!", "No.")]


TASK = {
    "id": "t1",
    "name": "sum",
    "instruction": "Add these.",
    "instances": [{"input": "1, 2", "output": "3"}, {"input": "2, 2", "output": "4"}],
    "is_classification": False,
}


def test_self_instruct_tasks(tmp_path):
    without_input = {"instruction": "Say hi.", "instances": [{"input": "", "output": "Hi!"}], "id": "t2"}
    spec = write(tmp_path, TASK, without_input)
    assert load_prompts(spec, STOP) == [Prompt("t1", "Add these.\n\n1, 2"), Prompt("t2", "Say hi.")]
    assert load_demonstrations(spec, STOP) == [
        Demonstration("t1", "Add these.\n\n1, 2", "3"),
        Demonstration("t2", "Say hi.", "Hi!"),
    ]


@pytest.mark.parametrize("change", [{"instances": []}, {"instances": "x"}, {"instruction": None}])
def test_broken_tasks_are_bad_lines(tmp_path, change):
    spec = write(tmp_path, TASK, {**TASK, **change})
    with pytest.raises(SalmonError, match='line 2: a row with "instances" must be like'):
        load_prompts(spec, STOP)
    assert len(load_prompts(spec, SKIP)) == 1


def test_a_source_without_rows_or_without_a_file(tmp_path):
    with pytest.raises(SalmonError, match=r"no usable rows \(0 bad"):
        load_prompts(write(tmp_path), STOP)
    with pytest.raises(SalmonError, match=r"no usable rows \(1 bad"):
        load_prompts(write(tmp_path, {"text": "x"}), SKIP)
    with pytest.raises(SalmonError, match="there is no file .*absent.jsonl"):
        load_pairs(str(tmp_path / "absent.jsonl"), STOP)


def test_transcripts_are_split_at_the_last_shared_assistant_turn():
    start = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant:"
    row = pair_of({"chosen": f"{start} Because.", "rejected": f"{start} No idea."})
    assert row == {
        "prompt": "Human: Hi\n\nAssistant: Hello\n\nHuman: Why?",
        "chosen": "Because.",
        "rejected": "No idea.",
    }


@pytest.mark.parametrize(
    ("chosen", "rejected"),
    [("Yes", "Yes, because it is."), ("Yes, because it is.", "Yes"), ("Yes", "Yonder")],
)
def test_one_answer_may_be_the_beginning_of_the_other(chosen, rejected):
    start = "\n\nHuman: Why?\n\nAssistant: "
    row = pair_of({"chosen": start + chosen, "rejected": start + rejected})
    assert row == {"prompt": "Why?", "chosen": chosen, "rejected": rejected}


def test_transcripts_that_part_early_keep_what_follows():
    start = "\n\nHuman: Why?\n\nAssistant: "
    row = pair_of({"chosen": f"{start}A", "rejected": f"{start}B\n\nHuman: So?\n\nAssistant: C"})
    assert row == {"prompt": "Why?", "chosen": "A", "rejected": "B\n\nHuman: So?\n\nAssistant: C"}


def test_transcripts_without_a_shared_turn_are_bad_lines(tmp_path):
    texts = {"chosen": "\n\nHuman: A\n\nAssistant: B", "rejected": "\n\nHuman: C\n\nAssistant: D"}
    spec = write(tmp_path, texts)
    with pytest.raises(SalmonError, match="line 1: the transcripts do not share"):
        load_pairs(spec, STOP)


def test_hub_prompts(hub):
    fake = hub({"instruction": "One", "other": 1}, {"instruction": "Two", "other": 2})
    prompts = load_prompts("hub:owner/name", STOP)
    assert [prompt.prompt for prompt in prompts] == ["One", "Two"]
    assert fake.asked == ("owner/name", "train")
    fake = hub({"q": "One", "prompt": "not this"})
    assert load_prompts("hub:owner/name:test:q", STOP)[0].prompt == "One"
    assert fake.asked == ("owner/name", "test")


def test_hub_demonstrations_and_pairs(hub):
    hub({"prompt": "Hello?", "response": "Hi!", "extra": 0})
    assert load_demonstrations("hub:n:train", STOP)[0].response == "Hi!"
    hub({"prompt": "Hello?", "chosen": "Hi!", "rejected": "No."})
    assert load_pairs("hub:n", STOP)[0].rejected == "No."
    start = "\n\nHuman: Why?\n\nAssistant: "
    hub({"chosen": f"{start}A", "rejected": f"{start}B"})
    pair = load_pairs("hub:n", STOP)[0]
    assert (pair.prompt, pair.chosen, pair.rejected) == ("Why?", "A", "B")


def test_bad_hub_rows_follow_the_same_choice(hub):
    hub({"prompt": "One"}, {"prompt": None}, {"prompt": " "})
    with pytest.raises(SalmonError, match='hub:n, row 2: "prompt" is missing'):
        load_prompts("hub:n", STOP)
    assert len(load_prompts("hub:n", SKIP)) == 1


@pytest.mark.parametrize("spec", ["hub:", "hub::train", "hub:n:train:col:more"])
def test_malformed_hub_specs(hub, spec):
    hub({"prompt": "One"})
    with pytest.raises(SalmonError, match=r"must have the form hub:NAME\[:SPLIT\[:COLUMN\]\]"):
        load_prompts(spec, STOP)


def test_pairs_have_no_column(hub):
    hub({"prompt": "p", "chosen": "c", "rejected": "r"})
    with pytest.raises(SalmonError, match=r"must have the form hub:NAME\[:SPLIT\]\."):
        load_pairs("hub:n:train:prompt", STOP)


def test_absent_columns_are_named_with_the_present_ones(hub):
    hub({"text": "One", "label": 1})
    with pytest.raises(SalmonError, match='no column "prompt"; it has "text", "label"'):
        load_prompts("hub:n", STOP)
    with pytest.raises(SalmonError, match='no column "prompt", "response"'):
        load_demonstrations("hub:n", STOP)


def test_a_hub_that_cannot_be_reached(hub):
    hub(error=ConnectionError("no route to host"))
    with pytest.raises(SalmonError, match='"n" .split "train".* path of a JSONL file.* no route to host'):
        load_prompts("hub:n", STOP)


def test_source_identity_follows_the_content(tmp_path):
    first = source_identity(write(tmp_path, {"prompt": "One"}))
    moved = tmp_path / "moved.jsonl"
    (tmp_path / "rows.jsonl").rename(moved)
    assert source_identity(str(moved)) == first
    assert source_identity(write(tmp_path, {"prompt": "Two"})) != first
    assert source_identity("hub:n:test") == "hub:n:test"
    assert source_identity("bundled").startswith("sha256:")
    with pytest.raises(SalmonError, match="there is no file"):
        source_identity(str(tmp_path / "absent.jsonl"))


# --- data sets that hold more than prompts -------------------------------------------------------


def message(text, tree, parent=None, role="prompter"):
    return {"text": text, "message_tree_id": tree, "parent_id": parent, "role": role, "lang": "en"}


def test_of_open_assistant_the_first_prompts_of_answered_trees(hub):
    hub(
        message("How do salmon find home?", "a"),
        message("By smell.", "a", "a", "assistant"),
        message("And eels?", "a", "a1"),
        message("Nobody answered me.", "b"),
        message("Hi!", "c"),
        message("Hello.", "c", "c", "assistant"),
    )
    prompts = load_prompts("hub:OpenAssistant/oasst1:train:text", STOP)
    assert [p.prompt for p in prompts] == ["How do salmon find home?", "Hi!"]


def test_of_dolly_the_instructions_that_need_no_text(hub):
    hub(
        *(
            {"instruction": category, "context": "", "response": "r", "category": category}
            for category in (
                "open_qa",
                "closed_qa",
                "summarization",
                "brainstorming",
                "information_extraction",
                "general_qa",
                "classification",
                "creative_writing",
            )
        )
    )
    prompts = load_prompts("hub:databricks/databricks-dolly-15k:train:instruction", STOP)
    assert [p.prompt for p in prompts] == [
        "open_qa",
        "brainstorming",
        "general_qa",
        "classification",
        "creative_writing",
    ]


def test_other_data_sets_are_taken_whole(hub):
    hub({"instruction": "one", "category": "closed_qa"}, {"instruction": "two", "category": "open_qa"})
    assert [p.prompt for p in load_prompts("hub:me/mine", STOP)] == ["one", "two"]
