"""Pairs of answers, and which of them has more of a feature."""

from itertools import islice

import numpy as np
import pytest

from salmon.principles.parametric.answers import AnsweredPrompt, load_answers
from salmon.principles.parametric.asked import lesson_pairs
from salmon.principles.parametric.editing import split_sentences
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.pairs import draw_pair, draw_unedited
from salmon.principles.parametric.split import Side
from salmon.principles.parametric.universe import all_families
from tests.principles.parametric.settings import edits, lesson, parametric

ODD_ANSWERS = (
    " ",
    ".",
    "-",
    "?!",
    "\n\n\n",
    "1",
    "Yes",
    "😀 🎉🎉",
    "你好,世界。这是一个测试!",
    "`x = 1`",
    "```python\ndef f(x):\n    return {'a': [x]}\n```",
    "{p} {} \\1 \\g<0> $1 %s",
    "- \n- \n* ",
    "#\n##\n1.\n",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "line\r\nline\r\n\tline",
    "¿Qué? Ünïcödé… “quoted” — dash–dash",
    "word " * 3000,
    "One sentence follows another. " * 100,
    "a" * 5000,
)


def sign(family: Family, prompt: str, first: str, second: str, parameter: str) -> int:
    """The same as ``prefers``, from the measure and the written rule."""
    one, two = (family.measure(prompt, text, parameter) for text in (first, second))
    if one is None or two is None or abs(one - two) < family.clear * max(abs(one), abs(two)):
        return 0
    return int(np.sign(one - two))


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_no_answer_is_too_odd_to_be_edited_and_measured(family: Family):
    rng = np.random.default_rng(0)
    parameter = family.values(("river",))[0]
    for number, answer in enumerate(ODD_ANSWERS):
        prompt = ("Why?", "")[number % 2]
        first, second = family.edit(prompt, answer, parameter, rng)
        assert isinstance(first, str) and isinstance(second, str)
        assert family.prefers(prompt, first, second, parameter) in (-1, 0, 1)


@pytest.mark.parametrize("family", all_families(), ids=lambda family: family.name)
def test_which_is_better_turns_with_their_places(family: Family):
    parameter = family.values(("with",))[0]
    for asked in load_answers(None)[:20]:
        first, second = asked.answers[0], asked.answers[-1]
        found = family.prefers(asked.prompt, first, second, parameter)
        assert found == -family.prefers(asked.prompt, second, first, parameter)
        assert found == sign(family, asked.prompt, first, second, parameter)
        assert family.prefers(asked.prompt, first, first, parameter) == 0


def test_a_blank_answer_is_not_judged():
    family = next(f for f in all_families() if f.name == "length")
    assert family.prefers("", "one two three", " \n", "") == 0 == family.prefers("", "", "one", "")


def test_near_ties_are_ties():
    counted = Family(
        name="counted",
        measure=lambda prompt, response, parameter: None if "none" in response else float(response),
        edit=lambda prompt, answer, parameter, rng: (answer, answer),
        topics=("much",),
        absence=("little",),
        wanted=("More.",),
        unwanted=("Less.",),
        clear=0.1,
    )
    found = [counted.prefers("", *two, "") for two in (("10", "9.1"), ("10", "8.9"), ("-10", "-8.9"), ("none", "1"))]
    assert found == [0, 1, -1, 0]
    assert counted.prefers("", "0", "0", "") == 0


def test_an_edited_pair_has_more_of_its_feature_in_the_first(universe):
    for number, family in enumerate(universe.trained.families):
        for draw in range(4):
            rng = np.random.default_rng([number, draw])
            pair = draw_pair(family, universe.trained, universe.training, edits(crossed=1.0), rng)
            assert pair is not None and pair.features[0].family.name == family.name
            for feature in pair.features:
                found = sign(feature.family, pair.prompt, pair.first, pair.second, feature.parameter)
                assert found == feature.prefers != 0
            assert pair.features[0].prefers == 1


def test_second_features_point_both_ways(universe):
    """So that what is longer or odder tells nothing about the first."""
    family = next(f for f in universe.trained.families if f.words)
    rng = np.random.default_rng(0)
    pairs = [draw_pair(family, universe.trained, universe.training, edits(crossed=1.0), rng) for _ in range(150)]
    second = [pair.features[1].prefers for pair in pairs if pair is not None and len(pair.features) > 1]
    assert len(second) > 60 and 0.3 < second.count(1) / len(second) < 0.7


def test_unedited_pairs_are_answers_as_they_are(universe):
    rng = np.random.default_rng(0)
    found = [draw_unedited(universe.trained, universe.training, 2, 0.0, rng) for _ in range(60)]
    answers = {asked.prompt: asked.answers for asked in universe.training}
    pairs = [pair for pair in found if pair is not None]
    assert len(pairs) > 40
    for pair in pairs:
        assert {pair.first, pair.second} <= set(answers[pair.prompt]) and pair.first != pair.second
        assert 1 <= len(pair.features) <= 2
        for feature in pair.features:
            assert feature.prefers == sign(feature.family, pair.prompt, pair.first, pair.second, feature.parameter) != 0


def test_unedited_pairs_can_be_beginnings_of_different_lengths(universe):
    rng = np.random.default_rng(0)
    found = [draw_unedited(universe.trained, universe.training, 2, 1.0, rng) for _ in range(60)]
    answers = {asked.prompt: asked.answers for asked in universe.training}
    pairs = [pair for pair in found if pair is not None]
    counts = [[len(split_sentences(text)) for text in (pair.first, pair.second)] for pair in pairs]
    assert max(map(max, counts)) <= 3 and sum(one != two for one, two in counts) > 20
    for pair in pairs:
        whole = [" ".join(split_sentences(text)) for text in answers[pair.prompt]]
        assert all(any(text.startswith(part) for text in whole) for part in (pair.first, pair.second))


def test_a_prompt_with_one_answer_makes_no_unedited_pair():
    side = Side(all_families(), ("Use {}.",), ("Avoid {}.",), (), (), ("river",))
    assert draw_unedited(side, [AnsweredPrompt("Why?", ("Because.",))], 2, 0.0, np.random.default_rng(0)) is None


def test_shares_of_a_lesson(universe):
    def pairs(**changes):
        return list(islice(lesson_pairs(universe.trained, universe.training, lesson(**changes), parametric(), 0), 40))

    answers = {answer for asked in universe.training for answer in asked.answers}
    assert all({p.pair.first, p.pair.second} <= answers for p in pairs(unedited=1.0, edits=edits(shortened=0.0)))
    assert all(p.pair.features[0].family.words for p in pairs(unedited=0.0, words=1.0))
    assert not any(p.pair.features[0].family.words for p in pairs(unedited=0.0, words=0.0))
    assert all(len(p.pair.features) == 1 for p in pairs(unedited=0.0, edits=edits(crossed=0.0)))
