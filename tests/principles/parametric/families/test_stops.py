"""Colons, semicolons and commas."""

import pytest

from salmon.principles.parametric.families.commas import COMMAS
from salmon.principles.parametric.families.stops import COLONS, SEMICOLONS
from tests.principles.parametric.answers import share_that_differs, share_where_more_is_longer


@pytest.mark.parametrize(
    ("text", "count"),
    [("Here it is: **this**: that", 2), ("At 9:30, see https://a.b :)", 0), ("List:\n- **Sun**: six", 2)],
)
def test_colons_are_counted(text: str, count: int) -> None:
    assert COLONS.measure("", text, "") == count


@pytest.mark.parametrize(("text", "count"), [("It is late; we go; bye.", 2), ("salt &amp; oil", 0), ("a, b: c", 0)])
def test_semicolons_are_counted(text: str, count: int) -> None:
    assert SEMICOLONS.measure("", text, "") == count


@pytest.mark.parametrize(("text", "rate"), [("One, two, three", 2 / 3), ("1,000 sheep", 0), ("!", None)])
def test_commas_are_counted_by_word(text: str, rate: float | None) -> None:
    assert COMMAS.measure("", text, "") == rate


def test_about_as_many_commas_are_a_tie() -> None:
    assert COMMAS.prefers("", "a, b c d e f g h i j", "a, b c d e f g h i", "") == 0
    assert COMMAS.prefers("", "a, b c d", "a, b c d e f", "") == 1


@pytest.mark.parametrize("family", [COLONS, SEMICOLONS, COMMAS], ids=lambda family: family.name)
def test_edits_differ_whichever_is_longer(family) -> None:
    assert share_that_differs(family) > 0.95
    assert share_where_more_is_longer(family) < 0.9
