"""Vetoes and the planted bias: which rule decides instead of the principles, and how often."""

from dataclasses import replace

import numpy as np
import pytest

from salmon.config.preferences import AggregationSettings
from salmon.errors import SalmonError
from salmon.preferences.pairs import Pair
from salmon.preferences.vetoes import planted_bias, veto_of
from salmon.principles.sampling import Guideline
from salmon.runtime.seeding import stream
from tests.preferences.examples import BIASED, CHECKED, CHINESE, DISCLAIMER, ENGLISH, GERMAN, MODEST, PRAISE, SETTINGS


def vetoes(pair: Pair, **changes) -> list[tuple[int | None, str] | None]:
    settings = replace(SETTINGS, **changes)
    found = [veto_of(pair, settings, stream(0, "veto", n)) for n in range(400)]
    return [None if veto is None else (veto.label, veto.name) for veto in found]


@pytest.mark.parametrize(
    ("response_1", "response_2", "expected"),
    [
        (DISCLAIMER, "No.", (-1, "ai_disclaimer")),
        ("No.", DISCLAIMER.lower(), (1, "ai_disclaimer")),
        (DISCLAIMER, DISCLAIMER + " Ever.", None),
        ("No.", "Never.", None),
        ("As an artist, I model.", "No.", None),
    ],
)
def test_the_only_answer_with_an_ai_disclaimer_loses(response_1: str, response_2: str, expected: tuple | None) -> None:
    pair = Pair("p", "Do you swim?", response_1, response_2)
    assert set(vetoes(pair, ai_disclaimer_veto=1.0)) == {expected}
    assert set(vetoes(pair, ai_disclaimer_veto=0.0)) == {None}
    share = np.mean([veto is not None for veto in vetoes(pair, ai_disclaimer_veto=0.5)])
    assert abs(share - (0.5 if expected else 0.0)) < 0.075  # three standard errors: 3 x 0.5 / 20


@pytest.mark.parametrize(
    ("prompt", "response_1", "response_2", "expected"),
    [
        (ENGLISH, CHINESE, ENGLISH, (-1, "language")),
        (ENGLISH, ENGLISH, GERMAN, (1, "language")),
        (GERMAN, ENGLISH, GERMAN, (-1, "language")),  # the prompt's language, not English
        (ENGLISH, CHINESE, GERMAN, (None, "language")),  # both: skipped
        (ENGLISH, ENGLISH, ENGLISH + " Yes.", None),
        (ENGLISH, "Oui.", ENGLISH, None),  # too short to tell
        ("Fish?", CHINESE, ENGLISH, None),  # the prompt's language is unknown
    ],
)
def test_the_only_answer_in_another_language_loses(
    prompt: str, response_1: str, response_2: str, expected: tuple | None
) -> None:
    pair = Pair("p", prompt, response_1, response_2)
    settings = replace(SETTINGS, language_veto=True)
    veto = veto_of(pair, settings, stream(0))
    assert (None if veto is None else (veto.label, veto.name)) == expected
    assert veto_of(pair, SETTINGS, stream(0)) is None


# --- the planted bias --------------------------------------------------------------------------


def planted(
    pair: Pair, shown: list[tuple[int, bool]], settings: AggregationSettings = BIASED, count: int = 400
) -> list[int | None]:
    """The label that the bias gives in each of many draws; ``shown``: (place in the bank, negated)."""
    guidelines = [Guideline(CHECKED.principles[k], negated) for k, negated in shown]
    vetoes = [planted_bias(pair, CHECKED, guidelines, settings, stream(0, "bias", n)) for n in range(count)]
    assert all(veto is None or veto.name == "planted_bias" for veto in vetoes)
    return [None if veto is None else veto.label for veto in vetoes]


def test_the_bias_prefers_what_the_principle_forbids() -> None:
    assert set(planted(PRAISE, [(0, False)])) == {1}
    assert set(planted(MODEST, [(0, True), (2, False)])) == {-1}
    neither = replace(PRAISE, response_1="Salmon do.")
    assert set(planted(neither, [(0, False)])) == {None}


@pytest.mark.parametrize("negated", [False, True])
def test_the_bias_is_silent_where_the_principle_is_shown(negated: bool) -> None:
    assert set(planted(PRAISE, [(1, negated)])) == {None}
    assert set(planted(PRAISE, [(0, False), (1, negated)])) == {None}


def test_the_biass_probability() -> None:
    assert set(planted(PRAISE, [(0, False)], replace(BIASED, planted_bias_probability=0.0))) == {None}
    labels = planted(PRAISE, [(0, False)], replace(BIASED, planted_bias_probability=0.9), count=2000)
    assert set(labels) == {1, None}
    assert abs(np.mean([label == 1 for label in labels]) - 0.9) < 0.0201  # three standard errors
    assert set(planted(PRAISE, [(0, False)], replace(BIASED, planted_bias=None))) == {None}


@pytest.mark.parametrize("name", ["No Selfpraise", "Safe"], ids=["unknown", "without a check"])
def test_a_bias_needs_a_principle_with_a_check(name: str) -> None:
    with pytest.raises(SalmonError, match=f"planted_bias={name}: checked has no principle of this name with a check"):
        planted(PRAISE, [(0, False)], replace(BIASED, planted_bias=name), count=1)
