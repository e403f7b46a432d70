"""Voice: persons, courtesy, certainty, greetings and farewells."""

import numpy as np
import pytest

from salmon.principles.parametric.families.certainty import CERTAINTY, HEDGING
from salmon.principles.parametric.families.courtesy import APOLOGY, POLITENESS
from salmon.principles.parametric.families.persons import FIRST_PERSON, SECOND_PERSON
from salmon.principles.parametric.families.salutations import GREETING, SIGN_OFF
from salmon.principles.parametric.neutral import NEUTRAL
from tests.principles.parametric.families.edited_answers import ANSWERS, share_told_apart, texts_problem

FAMILIES = (FIRST_PERSON, SECOND_PERSON, POLITENESS, APOLOGY, HEDGING, CERTAINTY, GREETING, SIGN_OFF)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_edits_differ_and_texts_are_many(family):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family)
    assert [sentence for sentence in NEUTRAL if family.measure("", sentence, "")] == []


@pytest.mark.parametrize(
    ("family", "response", "measure"),
    [
        (FIRST_PERSON, "I told them that I'm late: my car broke down.", 3),
        (FIRST_PERSON, "I.e. the iron in the mine shaft of Iowa; section I.2.", 0),
        (FIRST_PERSON, "You know it yourself.", 0),
        (SECOND_PERSON, "Your friend sees you.", 2),
        (SECOND_PERSON, "The young sees youth.", 0),
        (POLITENESS, "Please sit down. Thank you! You\u2019re welcome.", 3),
        (POLITENESS, "The show will please everyone.", 0),
        (APOLOGY, "Sorry, I apologise.", 2),
        (APOLOGY, "It is a sorrowful song.", 0),
        (HEDGING, "Perhaps it might rain.", 2),
        (HEDGING, "It rains in May.", 0),
        (CERTAINTY, "Of course, that is certain.", 2),
        (CERTAINTY, "A certain man is not sure.", 0),
        (GREETING, "Hello there, sit down.", 1),
        (GREETING, "Sit down. Hello there.", 0),
        (GREETING, "History is old.", 0),
        (SIGN_OFF, "That is all.\n\nKind regards,\nAnna", 1),
        (SIGN_OFF, "That is all. Take care!", 1),
        (SIGN_OFF, "Goodbye is an English word. It is used at the end of most talks.", 0),
        (SIGN_OFF, "The choice is yours.", 0),
        (SIGN_OFF, "Take care of the dog.", 0),
    ],
)
def test_what_is_measured(family, response, measure):
    assert family.measure("", response, "") == measure


def test_a_greeting_too_late_and_a_farewell_too_early_are_among_the_pairs():
    rng = np.random.default_rng(0)
    assert any("ello" in GREETING.edit("", ANSWERS[-1], "", rng)[1] for _ in range(60))
    assert any("egards" in SIGN_OFF.edit("", ANSWERS[-1], "", rng)[1] for _ in range(100))


def test_hedges_and_assurances_are_set_against_each_other():
    rng = np.random.default_rng(0)
    pairs = [HEDGING.edit("", ANSWERS[-1], "", rng) for _ in range(60)]
    assert any(CERTAINTY.measure("", less, "") for _, less in pairs)
    assert all(HEDGING.measure("", less, "") == 0 for _, less in pairs)
