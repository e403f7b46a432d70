"""The first word and the last words of an answer."""

import pytest

from salmon.principles.parametric.families.ends import FIRST_WORD, LAST_WORD
from tests.principles.parametric.answers import share_that_differs, share_where_more_is_longer


@pytest.mark.parametrize(
    ("text", "starts"),
    [("Well, yes.", 1), ("**Well** then", 1), ("WELL!", 1), ("Well-known it is", 0), ("As well", 0), ("...", 0)],
)
def test_the_first_word_counts(text: str, starts: int) -> None:
    assert FIRST_WORD.measure("", text, "well") == starts


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("So be it. Take care!", 1),
        ("So be it.\n\n*take care*", 1),
        ("Take care. So be it.", 0),
        ("Mistake care", 0),
        ("care", 0),
    ],
)
def test_the_last_words_count(text: str, ends: int) -> None:
    assert LAST_WORD.measure("", text, "Take care") == ends


@pytest.mark.parametrize("family", [FIRST_WORD, LAST_WORD], ids=lambda family: family.name)
def test_edits_differ_and_seldom_in_length(family) -> None:
    assert share_that_differs(family) == 1
    assert share_where_more_is_longer(family) < 0.85
