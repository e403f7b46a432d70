"""What is trained on and what is held out."""

from dataclasses import replace

import pytest

from salmon.principles.parametric import frames
from salmon.principles.parametric.family import TEXTS, Family
from salmon.principles.parametric.split import (
    SplitRule,
    held_out_side,
    limited,
    trained_side,
    unseen_families,
)
from salmon.principles.parametric.universe import all_families
from tests.principles.parametric.all_texts import all_texts
from tests.principles.parametric.settings import never_edited

RULE = SplitRule(seed=0, share=0.15, families=("closing_question", "exclamation"))
WORDS = tuple(f"word{number}" for number in range(1000))
TRAINED, UNREAD, UNSEEN = (side(RULE, all_families(), WORDS) for side in (trained_side, held_out_side, unseen_families))


def test_the_seed_fixes_the_sides():
    again = SplitRule(0, 0.15, RULE.families)
    assert trained_side(again, all_families(), WORDS) == TRAINED
    other = trained_side(replace(RULE, seed=1), all_families(), WORDS)
    assert other.words != TRAINED.words and other.frames_for != TRAINED.frames_for


def test_a_text_stays_where_it_is_when_others_come_and_go():
    fewer = held_out_side(RULE, all_families()[::2], WORDS[::2])
    assert set(fewer.words) == set(UNREAD.words) & set(WORDS[::2])
    for family in fewer.families:
        assert family == next(f for f in UNREAD.families if f.name == family.name)
    whole = next(f for f in all_families() if f.name == "length")
    part = replace(whole, wanted=whole.wanted[::2], topics=(*whole.topics, "a new topic"))
    (one,), (other,) = (trained_side(RULE, [f], WORDS).families for f in (whole, part))
    assert set(other.wanted) == set(one.wanted) & set(part.wanted)
    assert set(other.topics) - {"a new topic"} == set(one.topics)


def test_a_larger_share_holds_out_what_a_smaller_one_does():
    more = held_out_side(replace(RULE, share=0.4), all_families(), WORDS)
    assert set(UNREAD.words) < set(more.words) and set(UNREAD.frames_for) < set(more.frames_for)
    # 5 standard errors: 5 * sqrt(.4 * .6 / 1000)
    assert abs(len(more.words) / len(WORDS) - 0.4) < 0.0775


def test_both_sides_together_are_everything_and_share_nothing():
    for one, other, every in (
        (TRAINED.words, UNREAD.words, WORDS),
        (TRAINED.frames_for, UNREAD.frames_for, frames.FOR),
        (TRAINED.frames_against, UNREAD.frames_against, frames.AGAINST),
        (TRAINED.quotes_for, UNREAD.quotes_for, frames.QUOTES_FOR),
        (TRAINED.quotes_against, UNREAD.quotes_against, frames.QUOTES_AGAINST),
    ):
        assert not set(one) & set(other) and {*one, *other} == set(every)
    names = [{family.name for family in side.families} for side in (TRAINED, UNREAD, UNSEEN)]
    assert names[0] == names[1] and names[2] == set(RULE.families) and not names[0] & names[2]


@pytest.mark.parametrize("family", TRAINED.families, ids=lambda family: family.name)
def test_no_held_out_text_can_be_made_of_trained_ones(family: Family):
    """Not even where a family has too few topics or sentences for both sides."""
    unread = next(f for f in UNREAD.families if f.name == family.name)
    parameter = TRAINED.parameters(family)[0]
    trained = {t.casefold() for wanted in (True, False) for t in all_texts(family, parameter, wanted, TRAINED)}
    held_out = {t.casefold() for wanted in (True, False) for t in all_texts(unread, parameter, wanted, UNREAD)}
    assert trained and held_out and not trained & held_out


def test_a_family_with_few_texts_has_no_sentences_on_one_side_but_topics_on_both():
    few = never_edited("few")
    one, other = (side(RULE, [few], WORDS).families[0] for side in (trained_side, held_out_side))
    assert {one.wanted, other.wanted} == {("Serve tea.",), ()}
    assert {one.unwanted, other.unwanted} == {("Serve coffee.",), ()}
    assert one.topics == other.topics == ("tea",) and one.absence == other.absence == ("coffee",)


def test_a_sentence_that_a_frame_makes_of_a_topic_is_left_to_the_frames():
    whole = next(f for f in all_families() if f.name == "length")
    more = replace(whole, wanted=(*whole.wanted, *(frame.replace("{}", "length") for frame in frames.FOR)))
    for side in (trained_side, held_out_side):
        assert side(RULE, [more], WORDS) == side(RULE, [whole], WORDS)


def test_unseen_families_keep_their_texts_but_come_in_held_out_frames():
    assert UNSEEN.families == tuple(f for f in all_families() if f.name in RULE.families)
    assert (UNSEEN.frames_for, UNSEEN.words) == (UNREAD.frames_for, UNREAD.words)


def principles(side):
    return {(family.name, value) for family in side.families for value in side.parameters(family)}


def test_so_many_principles_and_the_fewer_are_among_the_more():
    sides = [limited(TRAINED, number, seed=0) for number in (1, 7, 70, 700)]
    found = [principles(side) for side in sides]
    assert [len(some) for some in found] == [1, 7, 70, 700]
    for fewer, more in zip(found, [*found[1:], principles(TRAINED)], strict=True):
        assert fewer < more
    assert all(
        {name for name, _ in some} == {f.name for f in side.families} for some, side in zip(found, sides, strict=True)
    )
    assert principles(limited(TRAINED, 7, seed=0)) == found[1] != principles(limited(TRAINED, 7, seed=1))


def test_few_principles_are_of_many_families():
    assert len(limited(TRAINED, 7, seed=0).families) == 7
    everything = len(principles(TRAINED))
    assert principles(limited(TRAINED, everything + 5, seed=0)) == principles(TRAINED)


def test_the_texts_of_a_principle_do_not_depend_on_how_many_there_are():
    for family in limited(TRAINED, 70, seed=0).families:
        whole = next(f for f in TRAINED.families if f.name == family.name)
        assert all(getattr(family, name) == getattr(whole, name) for name in TEXTS)
