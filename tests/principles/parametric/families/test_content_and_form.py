"""Length, coverage and structure."""

import numpy as np
import pytest

from salmon.principles.parametric.families.coverage import COVERAGE
from salmon.principles.parametric.families.length import LENGTH
from salmon.principles.parametric.families.structure import STRUCTURE
from salmon.principles.verifiers import num_words
from tests.principles.parametric.families.edited_answers import ANSWERS, share_told_apart, texts_problem


@pytest.mark.parametrize(("family", "least"), [(LENGTH, 30), (COVERAGE, 24), (STRUCTURE, 30)])
def test_edits_differ_and_texts_are_many(family, least):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family, least)


def test_length_counts_words():
    assert LENGTH.measure("", "one two - three!", "") == 3
    assert LENGTH.prefers("", "a b c d e f g h i j", "a b c d e f g h i", "") == 1
    assert LENGTH.prefers("", "w " * 21, "w " * 20, "") == 0  # less than a tenth


def test_length_differs_by_little_and_by_much():
    rng = np.random.default_rng(0)
    pairs = [LENGTH.edit("", ANSWERS[-1], "", rng) for _ in range(40)]
    shares = [num_words(less) / num_words(more) for more, less in pairs]
    assert min(shares) < 0.5 and max(shares) > 0.8


def test_coverage_is_not_length():
    assert COVERAGE.measure("", "Tea is hot. Tea is hot.", "") == 3
    assert COVERAGE.prefers("", "Tea and cake taste good.", "Tea tastes good. Tea tastes good.", "") == 1
    rng = np.random.default_rng(0)
    pairs = [COVERAGE.edit("", ANSWERS[-1], "", rng) for _ in range(40)]
    assert 5 < sum(num_words(less) >= num_words(more) for more, less in pairs) < 35


def test_structure_counts_items_up_to_two():
    assert STRUCTURE.measure("", "- one\n- two\n- three", "") == 2
    assert STRUCTURE.measure("", "Points:\n1. one", "") == 1
    assert STRUCTURE.measure("", "One, two - and three.", "") == 0
    assert STRUCTURE.prefers("", "- one\n- two", "One. Two.", "") == 1
