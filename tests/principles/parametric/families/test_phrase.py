"""Phrases in an answer."""

import pytest

from salmon.principles.parametric.families.phrase import PHRASE
from tests.principles.parametric.answers import share_that_differs, share_where_more_is_longer


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Of course it is, of\ncourse.", 2),
        ("The course of events.", 0),
        ("Offof courses", 0),
        ("`of course`", 0),
    ],
)
def test_whole_phrases_are_counted(text: str, count: int) -> None:
    assert PHRASE.measure("", text, "of course") == count


def test_edits_differ_in_the_phrase_and_seldom_in_length() -> None:
    assert share_that_differs(PHRASE) == 1
    assert share_where_more_is_longer(PHRASE) < 0.85
