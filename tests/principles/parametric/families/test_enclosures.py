"""Quotation marks and parentheses."""

import pytest

from salmon.principles.parametric.families.enclosures import PARENTHESES, QUOTATION
from tests.principles.parametric.answers import share_that_differs


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('He said "yes" and "no".', 2),
        ("He said \u201cyes\u201d.", 1),
        ("It's 'no'.", 0),
        ('A 5" pipe', 0),
        ('an empty "" pair', 0),
        ('`print("a")`', 0),
    ],
)
def test_quotations_are_counted(text: str, count: int) -> None:
    assert QUOTATION.measure("", text, "") == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Salt (or sugar) and oil (if any).", 2),
        ("(1) Salt\n(a) Oil", 0),
        ("f(x, y) and [a](https://b.c)", 0),
        ("never closed (as here", 0),
        ("(Really?)", 1),
    ],
)
def test_brackets_are_counted(text: str, count: int) -> None:
    assert PARENTHESES.measure("", text, "") == count


@pytest.mark.parametrize("family", [QUOTATION, PARENTHESES], ids=lambda family: family.name)
def test_edits_differ(family) -> None:
    assert share_that_differs(family) > 0.95
