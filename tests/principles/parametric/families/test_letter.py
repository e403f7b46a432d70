"""A letter of the alphabet in an answer."""

from salmon.principles.parametric.families.letter import _RICH, LETTER
from tests.principles.parametric.answers import share_that_differs


def test_letters_are_counted_in_either_case() -> None:
    assert LETTER.measure("", "Zebras doze.", "z") == 2
    assert LETTER.measure("", "Nothing here.", "z") == 0


def test_a_small_difference_in_many_is_a_tie() -> None:
    assert LETTER.prefers("", "z" * 20, "z" * 19, "z") == 0
    assert LETTER.prefers("", "zz", "z", "z") == 1


def test_rich_words_have_their_letter() -> None:
    assert [(letter, word) for letter, words in _RICH.items() for word in words if letter not in word] == []


def test_edits_differ() -> None:
    assert share_that_differs(LETTER) > 0.95
