"""Dashes and ellipses."""

import pytest

from salmon.principles.parametric.families.pauses import DASHES, ELLIPSIS
from tests.principles.parametric.answers import share_that_differs


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One thing \u2014 or two\u2014is left.", 2),
        ("One thing - or two \u2013 is left -- here.", 3),
        ("- an item\n- a well-known item", 0),
        ("5 - 3 is 2, pages 5\u20137", 0),
        ("It came in 2019 - too late.", 1),
    ],
)
def test_dashes_are_counted(text: str, count: int) -> None:
    assert DASHES.measure("", text, "") == count


@pytest.mark.parametrize(("text", "count"), [("Well... no\u2026", 2), ("No. Yes.. no", 0), ("hm . . . yes", 1)])
def test_ellipses_are_counted(text: str, count: int) -> None:
    assert ELLIPSIS.measure("", text, "") == count


@pytest.mark.parametrize("family", [DASHES, ELLIPSIS], ids=lambda family: family.name)
def test_edits_differ(family) -> None:
    assert share_that_differs(family) > 0.95
