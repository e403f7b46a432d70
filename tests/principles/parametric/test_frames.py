"""Sentence frames: their gap, and that the two lists stand for opposite things."""

from collections import Counter

import pytest

from salmon.principles.parametric.frames import AGAINST, FOR, GAP


@pytest.mark.parametrize("frames", [FOR, AGAINST], ids=["for", "against"])
def test_each_frame_has_one_gap_and_ends_like_a_sentence(frames):
    assert [frame for frame in frames if frame.count(GAP) != 1] == []
    assert [frame for frame in frames if "{" in frame.replace(GAP, "") or "}" in frame.replace(GAP, "")] == []
    assert [frame for frame in frames if frame[-1] not in ".!"] == []
    assert [frame for frame in frames if frame != " ".join(frame.split())] == []


def test_no_frame_is_there_twice_or_on_both_sides():
    every = Counter(frame.casefold() for frame in (*FOR, *AGAINST))
    assert [frame for frame, number in every.items() if number > 1] == []
    assert len(FOR) >= 60 and len(AGAINST) >= 60


def test_negations_are_on_both_sides():
    """So that a "not" alone tells nothing."""
    for frames in (FOR, AGAINST):
        negated = [f for f in frames if {"not", "never", "nobody", "nothing", "without"} & set(f.lower().split())]
        assert len(negated) >= 10
