"""Remarks and figures: disclaimers, warnings, similes, encouragement; commands at the start."""

import numpy as np
import pytest

from salmon.principles.parametric.families.cautions import AI_DISCLAIMER, WARNING
from salmon.principles.parametric.families.commands import IMPERATIVE_OPENING
from salmon.principles.parametric.families.spirit import COMPARISON, ENCOURAGEMENT
from salmon.principles.parametric.neutral import NEUTRAL
from tests.principles.parametric.families.edited_answers import ANSWERS, share_told_apart, texts_problem

FAMILIES = (AI_DISCLAIMER, WARNING, COMPARISON, ENCOURAGEMENT, IMPERATIVE_OPENING)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_edits_differ_and_texts_are_many(family):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family)
    assert [sentence for sentence in NEUTRAL if family.measure("", sentence, "")] == []


@pytest.mark.parametrize(
    ("family", "response", "measure"),
    [
        (AI_DISCLAIMER, "As an AI language model, I don\u2019t have personal opinions.", 2),
        (AI_DISCLAIMER, "As an aide to the mayor, she has opinions.", 0),
        (WARNING, "Warning: the ice is dangerous.", 2),
        (WARNING, "She cares about the harmony of colours.", 0),
        (COMPARISON, "Her hair was as thick as a brick and shone like a mirror.", 2),
        (COMPARISON, "I would like a cup of tea as well as a cake, as soon as possible.", 0),
        (ENCOURAGEMENT, "You can do it! Good luck.", 2),
        (ENCOURAGEMENT, "You can do the dishes.", 0),
        (IMPERATIVE_OPENING, "Take two eggs.", 1),
        (IMPERATIVE_OPENING, "1. **Use** a pan.", 1),
        (IMPERATIVE_OPENING, "Please do not move.", 1),
        (IMPERATIVE_OPENING, "Think of a river.", 1),
        (IMPERATIVE_OPENING, "Use of pans is common.", 0),
        (IMPERATIVE_OPENING, "Note: two eggs.", 0),
        (IMPERATIVE_OPENING, "Starting is hard. Take two eggs.", 0),
        (IMPERATIVE_OPENING, "You take two eggs.", 0),
    ],
)
def test_what_is_measured(family, response, measure):
    assert family.measure("", response, "") == measure


def test_a_command_becomes_a_statement_or_stands_further_back():
    rng = np.random.default_rng(0)
    lesser = [IMPERATIVE_OPENING.edit("", "Take two eggs. Then stir.", "", rng)[1] for _ in range(40)]
    assert any("take two eggs" in less for less in lesser)
    pairs = [IMPERATIVE_OPENING.edit("", ANSWERS[-1], "", rng) for _ in range(40)]
    assert any(sorted(more.split()) == sorted(less.split()) for more, less in pairs)
