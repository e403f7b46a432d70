"""Numbers and bullets, headings, bold type, code blocks and tables."""

import pytest

from salmon.principles.parametric.families.blocks import CODE_BLOCK, TABLE
from salmon.principles.parametric.families.markdown import BOLD, HEADING
from salmon.principles.parametric.families.numbered import NUMBERED
from tests.principles.parametric.families.edited_answers import share_told_apart, texts_problem


@pytest.mark.parametrize("family", [NUMBERED, HEADING, BOLD, CODE_BLOCK, TABLE], ids=lambda f: f.name)
def test_edits_differ_and_texts_are_many(family):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family)


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("1. one\n2. two", 1),
        ("Steps: 1. one. 2. two.", 1),
        ("- one\n- two", -1),
        ("- one\n  1. first", 0),
        ("One and 2.5 more.", 0),
        ("**1.** one\n**2.** two", 1),
    ],
)
def test_numbers_against_bullets(text, measured):
    assert NUMBERED.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("# Tea\nIt is hot.\n## Cups", 2),
        ("**Tea**\n\nIt is hot.", 1),
        ("Tea\n===\nIt is hot.", 1),
        ("How to Make Tea\n\nBoil water.", 1),
        ("Tea is hot.\n\nIt cools.", 0),
        ("Dear Mr. Ward,\n\nit is hot.", 0),
        ("I am #1 and **bold** here.", 0),
        ("Paris", 0),
    ],
)
def test_headings(text, measured):
    assert HEADING.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"),
    [("**one** two __three__", 2), ("*one* two", 0), ("2 ** 3 ** 4", 0), ("```\n**one**\n```\ntwo", 0)],
)
def test_bold(text, measured):
    assert BOLD.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"), [("```\nx\n```", 1), ("Look:\n```python\nx = 1", 1), ("`x` and ``` here", 0), ("x", 0)]
)
def test_code_blocks(text, measured):
    assert CODE_BLOCK.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"), [("| a | b |\n|---|---|\n| 1 | 2 |", 1), ("| a | b |\n|---|---|", 0), ("a | b\nc | d", 0)]
)
def test_tables(text, measured):
    assert TABLE.measure("", text, "") == measured
