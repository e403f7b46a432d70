"""Register: formality, self-praise, generic advice, contractions."""

import numpy as np
import pytest

from salmon.principles.parametric.families.contractions import CONTRACTIONS_FAMILY
from salmon.principles.parametric.families.formality import FORMALITY
from salmon.principles.parametric.families.generic_advice import GENERIC_ADVICE_FAMILY, PLATITUDES
from salmon.principles.parametric.families.self_praise import PRAISE, SELF_PRAISE_FAMILY
from salmon.principles.parametric.neutral import NEUTRAL
from salmon.principles.verifiers import CHECKS
from tests.principles.parametric.families.edited_answers import ANSWERS, share_told_apart, texts_problem


@pytest.mark.parametrize(
    ("family", "least"),
    [(FORMALITY, 30), (SELF_PRAISE_FAMILY, 26), (GENERIC_ADVICE_FAMILY, 26), (CONTRACTIONS_FAMILY, 18)],
)
def test_edits_differ_and_texts_are_many(family, least):
    assert share_told_apart(family) >= 0.95
    assert not texts_problem(family, least)


@pytest.mark.parametrize("family", [FORMALITY, SELF_PRAISE_FAMILY, GENERIC_ADVICE_FAMILY, CONTRACTIONS_FAMILY])
def test_plain_sentences_are_neutral(family):
    assert [sentence for sentence in NEUTRAL if family.measure("", sentence, "")] == []


def test_formality_sets_formal_against_informal_expressions():
    assert FORMALITY.prefers("", "Therefore, one should wait.", "So wait.", "") == 1
    assert FORMALITY.prefers("", "You're gonna be okay.", "You are going to be well.", "") == -1
    assert FORMALITY.prefers("", "Paris.", "Berlin.", "") == 0


def test_the_formal_side_is_also_the_casual_or_the_plain_one_s_counterpart():
    rng = np.random.default_rng(0)
    pairs = [FORMALITY.edit("", ANSWERS[3], "", rng) for _ in range(60)]
    assert len({more for more, _ in pairs}) > 20 and len({less for _, less in pairs}) > 20
    assert any(more == ANSWERS[3] for more, _ in pairs) and any(less == ANSWERS[3] for _, less in pairs)


def test_every_kind_of_praise_and_platitude_is_one_to_the_check():
    assert [text for text in PRAISE if not CHECKS["no_self_praise"].measure("", text)] == []
    assert [text for text in PLATITUDES if not CHECKS["no_generic_advice"].measure("", text)] == []


def test_praise_of_something_else_is_no_self_praise():
    assert SELF_PRAISE_FAMILY.measure("", "What a great question! The soup is excellent.", "") == 0
    assert SELF_PRAISE_FAMILY.measure("", "I hope this helps! Rating: 10/10", "") == 2
    rng = np.random.default_rng(0)
    more, less = SELF_PRAISE_FAMILY.edit("", "Salt melts ice. I hope this helps!", "", rng)
    assert "I hope this helps" not in less and more != less


def test_generic_advice_counts_platitudes():
    assert GENERIC_ADVICE_FAMILY.measure("", "It depends on your situation. Consult a doctor.", "") == 2
    assert GENERIC_ADVICE_FAMILY.measure("", "The doctor came at nine.", "") == 0


def test_contractions_count_short_forms_but_no_possessives():
    assert CONTRACTIONS_FAMILY.measure("", "It\u2019s here and they don't mind.", "") == 2
    assert CONTRACTIONS_FAMILY.measure("", "The dog's tail is long.", "") == 0
    rng = np.random.default_rng(1)
    for _ in range(20):
        more, less = CONTRACTIONS_FAMILY.edit("", "I can't come, and we're late. It is as it is.", "", rng)
        assert CONTRACTIONS_FAMILY.measure("", less, "") == 0 < CONTRACTIONS_FAMILY.measure("", more, "")
        assert less.startswith(("I cannot come, and we are late. It is as it is.",)) or len(less) > 48
