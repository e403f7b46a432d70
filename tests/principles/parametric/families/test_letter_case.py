"""Capitals: words full of them, none at all, one at the start of every word."""

import pytest

from salmon.principles.parametric.families.capitals import CAPITALS
from salmon.principles.parametric.families.letter_case import LOWERCASE, TITLE_CASE
from tests.principles.parametric.answers import share_that_differs


@pytest.mark.parametrize(
    ("text", "count"), [("I am A fan", 0), ("This is VERY GOOD.", 2), ("DON'T shout", 1), ("McDonald", 0), ("`USA`", 0)]
)
def test_words_in_capitals_are_counted(text: str, count: int) -> None:
    assert CAPITALS.measure("", text, "") == count


@pytest.mark.parametrize(("text", "small"), [("all small, 3 of it.", 1), ("almost All", 0), ("I", 0), ("好 3", None)])
def test_one_capital_is_enough(text: str, small: float | None) -> None:
    assert LOWERCASE.measure("", text, "") == small


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The Sound of Silent Water", 1),
        ("The Quick fox jumps over lazy dogs", 0),
        ("Some Words here Begin Like That", 5 / 6),
        ("SHOUTED WORDS ARE NONE", 0),
        ("As If", 1),
        ("3", None),
    ],
)
def test_titled_words(text: str, share: float | None) -> None:
    assert TITLE_CASE.measure("", text, "") == share


@pytest.mark.parametrize("family", [CAPITALS, LOWERCASE, TITLE_CASE], ids=lambda family: family.name)
def test_edits_differ(family) -> None:
    assert share_that_differs(family) > 0.85
