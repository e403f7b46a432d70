"""Number and length of sentences, lines and paragraphs."""

import numpy as np
import pytest

from salmon.principles.parametric.families.line_breaks import LINES, PARAGRAPHS
from salmon.principles.parametric.families.sentence_form import SENTENCE_COUNT, SENTENCE_LENGTH
from salmon.principles.verifiers import num_words
from tests.principles.parametric.families.edited_answers import ANSWERS, share_told_apart, texts_problem


@pytest.mark.parametrize("family", [SENTENCE_COUNT, SENTENCE_LENGTH, LINES, PARAGRAPHS], ids=lambda f: f.name)
def test_edits_differ_and_texts_are_many(family):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family)


def test_sentences_are_counted():
    assert SENTENCE_COUNT.measure("", "It rains, e.g. today. Dr. Ward stays in! Why?", "") == 3
    assert SENTENCE_COUNT.measure("", "It rains; we stay in.", "") == 1
    assert SENTENCE_COUNT.prefers("", "It rains. We stay in.", "It rains; we stay in.", "") == 1


def test_length_of_sentences_is_words_for_each():
    assert SENTENCE_LENGTH.measure("", "One two three. Four.", "") == 2
    assert SENTENCE_LENGTH.prefers("", "It rains and we stay in.", "It rains. And we stay in.", "") == 1
    assert SENTENCE_LENGTH.prefers("", "It rains.", "We wait. We wait. We wait.", "") == 0


@pytest.mark.parametrize("family", [SENTENCE_COUNT, SENTENCE_LENGTH])
def test_more_is_not_always_longer(family):
    rng = np.random.default_rng(0)
    pairs = [family.edit("", ANSWERS[-1], "", rng) for _ in range(40)]
    assert sum(num_words(more) <= num_words(less) for more, less in pairs) > 5


def test_lines_are_those_with_text():
    assert LINES.measure("", "one\n\ntwo\nthree\n", "") == 2
    assert LINES.measure("", "one two three", "") == 0


def test_paragraphs_are_parted_by_blank_lines():
    assert PARAGRAPHS.measure("", "one\n\ntwo\n \n\nthree\n\n", "") == 2
    assert PARAGRAPHS.measure("", "one\ntwo\nthree", "") == 0
    assert PARAGRAPHS.prefers("", "one\n\ntwo", "one\ntwo", "") == 1
