"""What a prompt decides: the language of the answer, and how many pieces it has."""

import numpy as np
import pytest

from salmon.principles.parametric.families.exact_count import EXACT_COUNT
from salmon.principles.parametric.families.language import USER_LANGUAGE
from salmon.principles.parametric.tongues import SENTENCES
from tests.principles.parametric.families.edited_answers import ANSWERS, share_told_apart, texts_problem


def test_language_edits_differ_and_texts_are_many():
    assert share_told_apart(USER_LANGUAGE, seeds=2) >= 0.95
    assert not texts_problem(USER_LANGUAGE, 20)


def test_sentences_are_in_their_languages():
    assert {code: USER_LANGUAGE.measure(" ".join(text), text[0], "") for code, text in SENTENCES.items()} == {
        code: 1 for code in SENTENCES
    }


def test_language_is_that_of_the_prompt():
    spanish, english = " ".join(SENTENCES["es"][:2]), " ".join(SENTENCES["en"][:2])
    assert USER_LANGUAGE.prefers(spanish, spanish, english, "") == 1
    assert USER_LANGUAGE.prefers(english, spanish, english, "") == -1
    assert USER_LANGUAGE.prefers("Hm?", spanish, english, "") == 0
    more, less = USER_LANGUAGE.edit(spanish, english, "", np.random.default_rng(0))
    assert USER_LANGUAGE.prefers(spanish, more, less, "") == 1


@pytest.mark.parametrize(
    "prompt",
    [
        "Give me three tips for a tidy desk.",
        "Describe the sea in two sentences.",
        "Write about tea in exactly 20 words.",
        "Explain rain in three paragraphs.",
        "Name 3-5 ideas for a party.",
    ],
)
def test_count_edits_differ(prompt):
    rng = np.random.default_rng(0)
    pairs = [EXACT_COUNT.edit(prompt, answer, "", rng) for answer in ANSWERS for _ in range(6)]
    told = [EXACT_COUNT.prefers(prompt, more, less, "") for more, less in pairs]
    assert sum(told) / len(told) > 0.9
    longer = sum(len(more) > len(less) for more, less in pairs) / len(pairs)
    assert 0.1 < longer < 0.9
    exact = [EXACT_COUNT.measure(prompt, more, "") == 0 for more, _ in pairs]
    assert 0.7 < sum(exact) / len(exact) <= 1


def test_count_has_nothing_to_say_without_a_number():
    assert EXACT_COUNT.measure("Why is the sky blue?", "One. Two.", "") is None
    assert EXACT_COUNT.edit("Why is the sky blue?", "One. Two.", "", np.random.default_rng(0)) == ("One. Two.",) * 2
    assert EXACT_COUNT.measure("Name three birds.", "- a crow\n- a gull\n- a tit", "") == 0
    assert EXACT_COUNT.prefers("Name three birds.", "- a crow\n- a gull\n- a tit", "- a crow", "") == 1
    assert not texts_problem(EXACT_COUNT, 20)
