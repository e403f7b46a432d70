"""Questions, anywhere and at the end."""

import numpy as np
import pytest

from salmon.principles.parametric.families.questions import CLOSING_QUESTION, QUESTION
from salmon.principles.parametric.neutral import NEUTRAL
from tests.principles.parametric.families.edited_answers import ANSWERS, share_told_apart, texts_problem


@pytest.mark.parametrize("family", [CLOSING_QUESTION, QUESTION])
def test_edits_differ_and_texts_are_many(family):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family)
    assert [sentence for sentence in NEUTRAL if family.measure("", sentence, "")] == []


def test_a_question_further_ahead_is_no_closing_one():
    assert CLOSING_QUESTION.measure("", "Do you agree? Then go on.", "") == 0
    assert CLOSING_QUESTION.measure("", "Go on. Do you agree?", "") == 1
    assert CLOSING_QUESTION.prefers("", "Go on. Do you agree?", "Do you agree? Go on.", "") == 1
    rng = np.random.default_rng(0)
    assert any("?" in CLOSING_QUESTION.edit("", ANSWERS[-1], "", rng)[1] for _ in range(20))


def test_questions_are_counted_by_their_marks():
    assert QUESTION.measure("", "Why? Because. Who?", "") == 2
    assert QUESTION.measure("", "I wonder why.", "") == 0
    assert QUESTION.prefers("", "Why?", "Because.", "") == 1
    rng = np.random.default_rng(0)
    assert all("?" not in QUESTION.edit("", ANSWERS[-2], "", rng)[1] for _ in range(20))
