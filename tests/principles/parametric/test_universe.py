"""The universe: what it reads, what it refuses, what it records."""

import json
from dataclasses import replace

import pytest

from salmon.config.reward import LessonSettings
from salmon.errors import SalmonError
from salmon.principles.parametric.own_families import family_problems
from salmon.principles.parametric.universe import all_families, load_universe
from tests.principles.parametric.settings import HELD_OUT_FAMILIES, parametric


def test_every_bundled_family_is_sound(universe):
    answers = [*universe.training, *universe.held_out]
    problems = [text for family in all_families() for text in family_problems(family, answers, universe.words)]
    assert problems == []
    names = [family.name for family in all_families()]
    assert len(set(names)) == len(names) > 10


def test_prompts_are_divided_as_everywhere(universe):
    every = {asked.prompt for asked in (*universe.training, *universe.held_out)}
    more = load_universe(parametric(), held_out_prompts=0.5)
    assert {asked.prompt for asked in (*more.training, *more.held_out)} == every
    assert {asked.prompt for asked in universe.held_out} < {asked.prompt for asked in more.held_out}
    assert all(len(asked.answers) > 1 for asked in universe.training)


def test_the_record_says_what_is_trained_on_and_what_is_not(universe):
    record = json.loads(json.dumps(universe.record()))
    assert record["split"] == {"seed": 0, "share": 0.15, "families": list(HELD_OUT_FAMILIES)}
    assert sorted(record["unseen"]) == sorted(HELD_OUT_FAMILIES)
    assert not set(record["trained"]["words"]) & set(record["held_out"]["words"])
    assert set(record["trained"]["families"]) == {f.name for f in universe.trained.families}
    assert set(record["trained"]["families"]["length"]) == {"topics", "absence", "wanted", "unwanted", "parameters"}


@pytest.mark.parametrize("number", [7, 70, 700])
def test_the_record_counts_principles(universe, number):
    few = replace(universe, principles=number)
    assert few.record()["principles"] == number < universe.record()["principles"]
    assert few.unread == universe.unread  # what is measured stays


def test_what_decides_a_result_is_in_the_fingerprint(universe):
    content = universe.content()
    json.dumps(content)  # as a fingerprint needs it
    first, *rest = universe.families
    for changed in (
        replace(universe, families=(replace(first, topics=(*first.topics, "one more")), *rest)),
        replace(universe, words=universe.words[1:]),
        replace(universe, training=universe.training[1:]),
        replace(universe, code=("another digest",)),
    ):
        assert changed.content() != content
    assert replace(universe, held_out=()).content() == content


def refused(**changes) -> str:
    with pytest.raises(SalmonError) as caught:
        load_universe(parametric(**changes), 0.2)
    return str(caught.value)


def test_bad_names_are_told_together():
    said = refused(held_out_families=["lenght", "exclamation", "nothing"])
    assert 'held_out_families: there is no family "lenght" (did you mean "length"?)' in said
    assert 'there is no family "nothing"' in said and "exclamation" not in said


def test_something_must_be_left_to_train_on():
    assert "holds out every family" in refused(held_out_families=[family.name for family in all_families()])


def test_answers_must_come_in_twos(tmp_path):
    file = tmp_path / "single.jsonl"
    file.write_text(
        "".join(json.dumps({"prompt": f"Why {n}?", "response": "Because of the river."}) + "\n" for n in range(9)),
        encoding="utf-8",
    )
    said = refused(answers=str(file))
    assert "single.jsonl" in said and "two or more answers to each of some prompts" in said


def test_more_principles_than_there_are():
    everything = load_universe(parametric(), 0.2).distinct
    assert load_universe(parametric(principles=everything), 0.2).record()["principles"] == everything
    with pytest.raises(SalmonError, match=f"principles={everything + 1}: there are {everything} distinct ones"):
        load_universe(parametric(principles=everything + 1), 0.2)


def lesson(*families: str) -> LessonSettings:
    return LessonSettings(families=list(families))


def test_families_that_no_lesson_is_about_are_never_trained_on():
    """They are measured as such, though nobody named them as held out."""
    taught = load_universe(parametric(lessons=[lesson("word"), lesson("word", "length")]), 0.2)
    assert {family.name for family in taught.trained.families} == {"word", "length"}
    assert {family.name for family in taught.unread.families} == {"word", "length"}
    assert {family.name for family in taught.unseen.families} == {f.name for f in all_families()} - {"word", "length"}


def test_a_lesson_that_names_no_family_is_about_all(universe):
    taught = load_universe(parametric(lessons=[lesson("word"), lesson()]), 0.2)
    assert [f.name for f in taught.trained.families] == [f.name for f in universe.trained.families]
