"""What is asked of a pair: no held-out text or family, the right answers, and the same for equal seeds."""

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from salmon.errors import SalmonError
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.asked import asked_about, lesson_pairs, lesson_side
from salmon.principles.parametric.frames import AGAINST, FOR
from salmon.principles.parametric.pairs import Feature, FeaturePair
from salmon.principles.parametric.split import Side
from tests.principles.parametric.all_texts import all_texts
from tests.principles.parametric.settings import HELD_OUT_FAMILIES, edits, lesson, never_edited, parametric

TALK = lesson(together=1.0)
TAUGHT = ("length", "coverage", "structure", "question")


@pytest.fixture(scope="module")
def pairs(universe):
    """Three hundred pairs of the trained side, each with a row of two principles."""
    return list(islice(lesson_pairs(universe.trained, universe.training, TALK, parametric(), 0, "test"), 300))


def texts_of(feature: Feature, side: Side) -> dict[str, int]:
    """1 for each text that asks for a feature, -1 for each that speaks against it."""
    wanted, unwanted = (all_texts(feature.family, feature.parameter, polarity, side) for polarity in (True, False))
    assert not wanted & unwanted
    return dict.fromkeys(wanted, 1) | dict.fromkeys(unwanted, -1)


def more(pair: FeaturePair, feature: Feature) -> int:
    one, two = (feature.family.measure(pair.prompt, text, feature.parameter) for text in (pair.first, pair.second))
    return int(np.sign(one - two))


def test_every_row_says_what_the_measures_say_in_trained_texts_only(universe, pairs):
    """Recomputed from the guidelines' texts and the families' measures alone."""
    rows = Counter()
    for found in pairs:
        pair = found.pair
        texts = [(texts_of(feature, universe.trained), more(pair, feature)) for feature in pair.features]
        for asked in found.asked:
            votes = 0
            for guideline in asked.guidelines:
                stated = [polarity[guideline] * sign for polarity, sign in texts if guideline in polarity]
                assert len(stated) == 1, guideline
                votes += stated[0]
            assert asked.prefers == np.sign(votes)
            rows[len(asked.guidelines), asked.prefers] += 1
    assert min(rows[key] for key in ((1, 1), (1, -1), (2, 0), (2, 1), (2, -1))) > 20


def test_nothing_held_out_is_seen(universe, pairs):
    prompts, answers = {p.prompt for p in universe.training}, {a for p in universe.held_out for a in p.answers}
    held_out = {p.prompt for p in universe.held_out}
    assert prompts and held_out and not prompts & held_out
    for found in pairs:
        assert found.pair.prompt in prompts and not {found.pair.first, found.pair.second} & answers
        for feature in found.pair.features:
            assert feature.family.name not in HELD_OUT_FAMILIES
            if feature.family.words:
                assert feature.parameter in universe.trained.words
                assert feature.parameter not in universe.unread.words


def test_opposed_rows_of_two_are_ties_and_name_no_meaning(pairs):
    ties = [asked for found in pairs for asked in found.asked if asked.prefers == 0]
    assert ties and all(len(asked.guidelines) == 2 and asked.meaning == "" for asked in ties)
    assert all(asked.meaning for found in pairs for asked in found.asked if len(asked.guidelines) == 1)


@pytest.mark.parametrize("wider", [False, True])
def test_what_both_answers_have_alike_makes_neither_better(universe, wider):
    """Of the lesson's families; half of the rows of any family, where the families it does not teach are given too."""
    side = replace(universe.trained, words=universe.trained.words[:20])
    taught = side if not wider else replace(side, families=tuple(f for f in side.families if f.name in TAUGHT))
    features = [Feature(family, value, 0) for family in side.families for value in side.parameters(family)]
    said = {text: (feature, wanted) for feature in features for text, wanted in texts_of(feature, side).items()}
    plain, wants, of_taught = lesson(together=0.0, wordings=1.0, unedited=1.0), Counter(), Counter()
    for indifferent in (0.0, 1.0):
        told = replace(plain, indifferent=indifferent)
        pairs = lesson_pairs(taught, universe.training, told, parametric(), 0, others=side if wider else None)
        rows = [(p.pair, asked) for p in islice(pairs, 80) for asked in p.asked if asked.prefers == 0]
        assert len(rows) == 80 * indifferent, "one of a pair"
        for pair, asked in rows:
            feature, wanted = said[asked.guidelines[0]]
            assert len(asked.guidelines) == 1 and asked.meaning == ""
            assert not feature.family.prefers(pair.prompt, pair.first, pair.second, feature.parameter)
            wants[wanted] += 1
            of_taught[feature.family in taught.families] += 1
    assert min(wants[1], wants[-1]) > 20
    assert min(of_taught[True], of_taught[False]) > 20 if wider else not of_taught[False]


def test_what_is_said_twice_says_the_same_in_both_halves(universe):
    side = replace(universe.trained, words=universe.trained.words[:20])
    told = lesson(said_twice=1.0, together=0.0, wordings=1.0, unedited=0.0)
    for found in islice(lesson_pairs(side, universe.training, told, parametric(), 0), 60):
        for asked in found.asked:
            number, wanted = asked.meaning.split()
            texts = texts_of(found.pair.features[int(number)], side)
            halves = {
                text.rstrip(".").casefold() for text, asks in texts.items() if asks == (1 if wanted == "True" else -1)
            }
            said = asked.guidelines[0].casefold()
            last = [half for half in halves if said.endswith((half, f"{half}."))]
            assert any(
                said.startswith(half) and len(half) + len(other) < len(said) for half in halves for other in last
            )


def test_what_is_quoted_is_the_same_agreed_with_or_the_contrary_turned_around(universe):
    side = replace(universe.trained, words=universe.trained.words[:20])
    told, turned = lesson(quoted=1.0, together=0.0, wordings=1.0, unedited=0.0), Counter()
    for found in islice(lesson_pairs(side, universe.training, told, parametric(), 0), 60):
        for asked in found.asked:
            number, wanted = asked.meaning.split()
            (frame,) = (q for q in (*side.quotes_for, *side.quotes_against) if asked.guidelines[0].startswith(q[:-2]))
            inner = asked.guidelines[0].removeprefix(frame[:-2])
            asks = texts_of(found.pair.features[int(number)], side)[inner]
            assert (asks == 1) == ((wanted == "True") == (frame in side.quotes_for))
            turned[frame in side.quotes_against] += 1
    assert min(turned[False], turned[True]) > 40


def test_what_is_said_twice_is_not_quoted(universe):
    """Nobody could tell how far the quote goes."""
    told = lesson(said_twice=0.5, quoted=0.5, together=0.0, unedited=0.0)
    side = universe.trained
    found = [
        a.guidelines[0]
        for p in islice(lesson_pairs(side, universe.training, told, parametric(), 0), 40)
        for a in p.asked
    ]
    quotes = [q[:-2] for q in (*side.quotes_for, *side.quotes_against)]
    shares = Counter(sum(quote in text for quote in quotes) for text in found)
    assert set(shares) == {0, 1} and min(shares.values()) > 40


def test_equal_meanings_ask_for_the_same(universe, pairs):
    same = 0
    for found in pairs:
        by_meaning = {}
        for asked in found.asked:
            if asked.meaning:
                by_meaning.setdefault(asked.meaning, []).append(asked)
        for group in by_meaning.values():
            assert len({asked.prefers for asked in group}) == 1 and len(group) <= 2
            same += len(group) == 2
    assert same > 100


def test_equal_seeds_give_equal_pairs_whatever_their_number(universe, pairs):
    def first(number: int, *key):
        return list(islice(lesson_pairs(universe.trained, universe.training, TALK, parametric(), *key), number))

    again = first(12, 0, "test")
    shown = [(p.pair.first, p.pair.second, p.asked) for p in pairs[:12]]
    assert [(p.pair.first, p.pair.second, p.asked) for p in again] == shown
    assert [(p.pair.first, p.pair.second, p.asked) for p in first(12, 1, "test")] != shown


@pytest.mark.parametrize(("contraries", "expected"), [(True, {1, -1}), (False, {1})])
def test_contraries_may_be_left_out(universe, contraries, expected):
    settings = parametric(contraries=contraries)
    edited = lesson(unedited=0.0, edits=edits(crossed=0.0), together=0.0, wordings=1.0)
    found = list(islice(lesson_pairs(universe.trained, universe.training, edited, settings, 0), 30))
    assert all({asked.prefers for asked in p.asked} == expected for p in found)
    assert all(len(p.asked) == len(expected) for p in found)


def test_without_contraries_two_principles_never_disagree_by_negation(universe):
    settings, both = parametric(contraries=False), lesson(together=1.0)
    for found in islice(lesson_pairs(universe.trained, universe.training, both, settings, 0), 30):
        texts = [texts_of(feature, universe.trained) for feature in found.pair.features]
        for asked in found.asked:
            assert all(any(polarity.get(text) == 1 for polarity in texts) for text in asked.guidelines)


@pytest.mark.parametrize(("wordings", "found"), [(1.0, {1}), (3.0, {3}), (1.5, {1, 2})])
def test_a_meaning_has_so_many_wordings(universe, wordings, found):
    (pair,) = islice(lesson_pairs(universe.trained, universe.training, TALK, parametric(), 0), 1)
    rng = np.random.default_rng(0)
    several = lesson(wordings=wordings, together=0.0)
    numbers = set()
    for _ in range(20):
        asked = list(asked_about(pair.pair, universe.trained, several, parametric(), rng))
        counted = Counter(a.meaning for a in asked)
        assert len(counted) == 2 * len(pair.pair.features)
        numbers |= set(counted.values())
    assert numbers == found


def test_a_lesson_has_so_many_frames_and_keeps_them_when_there_are_more(universe):
    few, some = (lesson_side(universe.trained, lesson(frames=number), 0) for number in (4, 12))
    assert (len(few.frames_for), len(few.frames_against)) == (4, 4)
    assert set(few.frames_for) < set(some.frames_for) <= set(universe.trained.frames_for)
    assert set(few.frames_against) < set(some.frames_against) <= set(universe.trained.frames_against)
    every = lesson_side(universe.trained, lesson(frames=None), 0)
    assert set(every.frames_for) == set(universe.trained.frames_for)
    assert lesson_side(universe.trained, lesson(frames=4), 1).frames_for != few.frames_for


def test_without_absence_topics_name_what_is_there(universe):
    plain = lesson_side(universe.trained, lesson(absence=False), 0)
    assert all(family.absence == () for family in plain.families)
    assert [f.topics for f in plain.families] == [f.topics for f in universe.trained.families]


def test_what_can_make_no_pair_is_refused():
    """Instead of a search without end."""
    same = never_edited("same")
    side, prompts = Side((same,), FOR, AGAINST, (), (), ("tea",)), (AnsweredPrompt("Why?", ("One.", "Two.")),)
    with pytest.raises(SalmonError, match="made no pair of answers under same"):
        next(lesson_pairs(side, prompts, lesson(), parametric(), 0))
