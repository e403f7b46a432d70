"""Links, hashtags, repetition, summaries, examples and long words."""

import pytest

from salmon.principles.parametric.families.examples import EXAMPLE
from salmon.principles.parametric.families.links import HASHTAG, LINK
from salmon.principles.parametric.families.long_words import LONG_WORDS
from salmon.principles.parametric.families.repetition import REPETITION, SUMMARY
from tests.principles.parametric.families.edited_answers import share_told_apart, texts_problem


@pytest.mark.parametrize(
    "family", [LINK, HASHTAG, REPETITION, SUMMARY, EXAMPLE, LONG_WORDS], ids=lambda family: family.name
)
def test_edits_differ_and_texts_are_many(family):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family)


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("See https://example.org/a and www.example.com.", 2),
        ("[tea](http://a.example)", 1),
        ("See example, e.g. 1.5", 0),
    ],
)
def test_links(text, measured):
    assert LINK.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"),
    [("#tea is #hot2", 2), ("# Tea\n## Cups", 0), ("We are #1 in C# and a/#b", 0), ("```\n#include\n```\nx", 0)],
)
def test_hashtags(text, measured):
    assert HASHTAG.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"),
    [("Tea is hot. It cools. Tea is hot!", 1), ("No. No. No.", 2), ("Tea is hot. Tea is hot now.", 0)],
)
def test_repeated_sentences(text, measured):
    assert REPETITION.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("Tea is hot. It cools. In short, wait.", 1),
        ("Tea is hot. **All in all**, wait. It cools.", 1),
        ("In short, wait. Tea is hot. It cools.", 0),
        ("Tea is hot. The summary in short is long.", 0),
        ("Tea is hot. Overalls are blue.", 0),
    ],
)
def test_summaries_close_a_text(text, measured):
    assert SUMMARY.measure("", text, "") == measured


@pytest.mark.parametrize(
    ("text", "measured"),
    [
        ("For example, tea. Cake, for instance.", 2),
        ("Drinks such as tea.", 1),
        ("A good example of this is tea.", 1),
        ("Example: tea.", 1),
        ("Drinks, e.g. tea, are hot.", 1),
        ("This is exemplary, as such.", 0),
    ],
)
def test_examples(text, measured):
    assert EXAMPLE.measure("", text, "") == measured


def test_length_of_words_is_letters_for_each():
    assert LONG_WORDS.measure("", "Tea is hot.", "") == pytest.approx(8 / 3)
    assert LONG_WORDS.measure("", "...", "") is None
    assert LONG_WORDS.prefers("", "Utilize beverages.", "Use tea.", "") == 1
    assert LONG_WORDS.prefers("", "Tea is hot. " * 5 + "Teas", "Tea is hot. " * 5 + "Tea", "") == 0
