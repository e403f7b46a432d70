"""Figures and number words in an answer."""

import pytest

from salmon.principles.parametric.families.numbers import DIGITS, NUMBER_WORDS, _no_figures, spelled
from tests.principles.parametric.answers import share_that_differs, share_where_more_is_longer


@pytest.mark.parametrize(
    ("text", "figures", "words"),
    [
        ("It took 3 days and 1,000.50 euros.", 2, 0),
        ("It took three days and two hundred and five euros.", 0, 2),
        ("One of them left.", 0, 0),
        ("One hundred left, twenty-one stayed.", 0, 2),
        ("Someone weighed the stones often.", 0, 0),
        ("Seventeen", 0, 1),
    ],
)
def test_numbers_are_counted(text: str, figures: int, words: int) -> None:
    assert (DIGITS.measure("", text, ""), NUMBER_WORDS.measure("", text, "")) == (figures, words)


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "zero"), (21, "twenty-one"), (300, "three hundred"), (40017, "forty thousand seventeen")],
)
def test_numbers_are_spelled(number: int, words: str) -> None:
    assert spelled(number) == words


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("It is $12 or 50% of 3.5.", "It is twelve dollars or fifty percent of three point five."),
        ("1. Sun\n2. Rain", "- Sun\n- Rain"),
        ("20cm of 12345678", "twenty cm of many"),
    ],
)
def test_figures_become_words(text: str, without: str) -> None:
    assert _no_figures(text) == without


@pytest.mark.parametrize("family", [DIGITS, NUMBER_WORDS], ids=lambda family: family.name)
def test_edits_differ_whichever_is_longer(family) -> None:
    assert share_that_differs(family) == 1
    assert 0.1 < share_where_more_is_longer(family) < 0.9
