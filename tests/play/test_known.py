"""Which texts a reward model was trained on, and how far it is known to follow others: from the files of its store."""

import json
from pathlib import Path
from typing import Any

import pytest

from salmon.data.rows import PreferenceRow, ShownGuideline, write_jsonl
from salmon.play.obedience import Obedience, measured_obedience, warning
from salmon.play.training_texts import Standing, training_texts
from salmon.principles.parametric.universe import Universe, load_universe
from salmon.runtime.artifact import Artifact
from salmon.runtime.store import Store
from tests.principles.parametric.settings import parametric


@pytest.fixture(scope="module")
def universe() -> Universe:
    return load_universe(parametric(), held_out_prompts=0.2)


def row(text: str, split: Any) -> PreferenceRow:
    guideline = ShownGuideline(name="x", negated=False, text=text)
    return PreferenceRow(
        id=text,
        prompt_id="p",
        prompt="Hi.",
        response_1="a",
        response_2="b",
        guidelines=(guideline,),
        scores=(1.0,),
        label=1,
        decided_by="sum",
        flipped=False,
        split=split,
    )


def reward(
    root: Path, epochs: int = 1, preferences: bool = True, files: Any = None, parametric: Any = None, **manifest: Any
) -> Artifact:
    """A reward artifact, with the preferences that it was trained on."""
    store = Store(root)
    if preferences:
        work = store.work_dir("preferences", "1" * 16)
        write_jsonl(work / "rows.jsonl", [row("Be kind.", "train"), row("Be bold.", "held_out")])
        store.commit("preferences", "1" * 16, {})
    work = store.work_dir("reward", "2" * 16)
    for name, text in (files or {}).items():
        (work / name).write_text(text, encoding="utf-8")
    config = {"reward": {"train": {"epochs": epochs}, "parametric": parametric or {}}}
    upstream = {"preferences": f"preferences-{'1' * 16}"}
    return store.commit("reward", "2" * 16, {"config": config, "upstream": upstream, **manifest})


# --- texts ---------------------------------------------------------------------------------------


def test_texts_of_judged_rows_are_marked(tmp_path: Path) -> None:
    texts = training_texts(reward(tmp_path))
    asked = ("be kind", "Be bold.", "Use lists.")
    assert [texts.standing(text) for text in asked] == [Standing.trained, Standing.new, Standing.new]
    assert list(texts.judged.values()) == ["Be kind."]


def test_rows_that_nothing_was_trained_on_are_not_read(tmp_path: Path) -> None:
    assert training_texts(reward(tmp_path, epochs=0)).judged == {}


def test_preferences_that_are_gone_are_said(tmp_path: Path) -> None:
    texts = training_texts(reward(tmp_path, preferences=False))
    assert texts.judged == {} and "are not in the store" in texts.note


def test_texts_of_the_universe_are_told_from_those_held_out(tmp_path: Path, universe: Universe) -> None:
    record = json.dumps(universe.record(), ensure_ascii=False)
    lessons = {"lessons": [{"quoted": 0.0}, {"quoted": 0.2}]}
    texts = training_texts(reward(tmp_path, files={"universe.json": record}, parametric=lessons))
    without = training_texts(reward(tmp_path / "without", files={"universe.json": record}))
    trained, unread = universe.trained, universe.unread
    (plain, *_) = (f for f in trained.families if f.topics and not f.words and "{p}" not in f.topics[0])
    said = trained.frames_for[0].format(plain.topics[0])
    assert texts.standing(said) is Standing.trained
    assert texts.standing(said.upper()) is Standing.trained
    new_frame = next(frame for frame in unread.frames_for if frame not in trained.frames_for)
    (held_out, *_) = (f for f in unread.families if f.name == plain.name)
    assert texts.standing(new_frame.format(held_out.topics[0])) is Standing.held_out
    assert texts.standing("Sound like a pirate.") is Standing.new
    quoted = trained.quotes_against[0].format(said)
    assert (texts.standing(quoted), without.standing(quoted)) == (Standing.trained, Standing.new)
    assert texts.standing(unread.quotes_for[0].format(new_frame.format(held_out.topics[0]))) is Standing.held_out
    assert texts.standing(trained.quotes_for[0].format("Sound like a pirate.")) is Standing.new
    about_words = next((f for f in trained.families if f.words and any("{p}" in t for t in f.topics)), None)
    assert about_words is not None
    topic = next(t for t in about_words.topics if "{p}" in t)
    for words, standing in ((trained.words, Standing.trained), (("xyzzy",), Standing.new)):
        assert texts.standing(trained.frames_for[0].format(topic.replace("{p}", words[0]))) is standing


# --- obedience -----------------------------------------------------------------------------------

PROBE = {"probe_unread/asserted": 0.95, "probe_unread/negated": 0.5, "probe_unread/flip_rate": 0.4}


def test_nobody_measured_it(tmp_path: Path) -> None:
    found = measured_obedience(reward(tmp_path, files={"metrics.jsonl": '{"step": 1, "time": 1.0, "loss": 1.0}\n'}))
    assert found is None
    assert "was never measured" in (warning(None, True) or "")


def test_its_own_training_measured_it(tmp_path: Path) -> None:
    found = measured_obedience(reward(tmp_path, metrics=PROBE))
    assert found == Obedience(0.95, 0.5, 0.4, "measured at the end of its training")
    assert found.low
    said = warning(found, True) or ""
    assert "followed when negated 0.50" in said and "turned by the contrary 0.40" in said


def test_the_last_row_of_its_curve_is_taken(tmp_path: Path) -> None:
    rows = [
        {"step": 5, "time": 1.0, **PROBE},
        {"step": 9, "time": 2.0, **dict.fromkeys(PROBE, 0.99)},
        {"step": 10, "time": 3.0},
    ]
    found = measured_obedience(reward(tmp_path, files={"metrics.jsonl": "".join(json.dumps(r) + "\n" for r in rows)}))
    assert found is not None and found.flip_rate == 0.99 and "step 9" in found.source
    assert warning(found, True) is None
    assert "without principles" in (warning(found, False) or "")


def test_an_evaluation_outweighs_the_training(tmp_path: Path) -> None:
    artifact = reward(tmp_path, metrics=PROBE)
    store = Store(tmp_path)
    for number, value in (("3", 0.6), ("4", 0.97)):
        store.work_dir("eval", number * 16)
        task = "eval/reward/task/heldout_wordings_"
        metrics = {f"{task}{name}": value for name in ("accuracy_asserted", "accuracy_negated", "flip_rate")}
        upstream = {"checkpoint": artifact.name if number == "4" else "reward-of-another"}
        store.commit("eval", number * 16, {"metrics": metrics, "upstream": upstream})
    found = measured_obedience(artifact)
    assert found is not None and (found.asserted, found.flip_rate) == (0.97, 0.97) and not found.low


@pytest.mark.parametrize(("value", "low"), [(0.89, True), (0.91, False), (None, False)])
def test_low_is_below_what_the_glossary_asks_for(value: float | None, low: bool) -> None:
    assert Obedience(value, None, None, "").low is low
