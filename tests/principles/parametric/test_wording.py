"""A principle in words: which texts can be made, and what they stand for."""

from dataclasses import replace

import numpy as np
import pytest

from salmon.principles.parametric.family import Family
from salmon.principles.parametric.frames import AGAINST, FOR, QUOTES_AGAINST, QUOTES_FOR
from salmon.principles.parametric.split import Side
from salmon.principles.parametric.universe import all_families
from salmon.principles.parametric.wording import quoted, said_together, worded
from tests.principles.parametric.all_texts import all_texts

NAMES = Family(
    name="names",
    measure=lambda prompt, response, parameter: response.count(parameter),
    edit=lambda prompt, answer, parameter, rng: (f"{answer} {parameter}", answer),
    topics=("names of {p}",),
    absence=("nameless {p}",),
    wanted=("give {p} a name.",),
    unwanted=("Let {p} be nameless.",),
    parameters=("cats", "dogs"),
)
QUOTES = (QUOTES_FOR, QUOTES_AGAINST)
SIDE = Side((NAMES,), FOR, AGAINST, *QUOTES, ())


def drawn(family: Family, wanted: bool, sentences: float, draws: int = 4000, parameter: str = "cats") -> set[str]:
    rng = np.random.default_rng(0)
    return {worded(family, parameter, wanted, SIDE, sentences, rng) for _ in range(draws)}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_frame_for_a_topic_asks_for_it_and_one_against_its_contrary_does_too(wanted):
    """Every frame with every topic, of both polarities, is drawn; and nothing else."""
    same, other = (FOR, AGAINST) if wanted else (AGAINST, FOR)
    expected = {frame.replace("{}", "names of cats") for frame in same}
    expected |= {frame.replace("{}", "nameless cats") for frame in other}
    assert drawn(NAMES, wanted, 0.0) == {text[0].upper() + text[1:] for text in expected}


def test_sentences_are_of_their_own_list():
    assert drawn(NAMES, True, 1.0) == {"Give cats a name."}
    assert drawn(NAMES, False, 1.0) == {"Let cats be nameless."}


def test_a_side_without_sentences_has_frames():
    assert drawn(replace(NAMES, wanted=()), True, 1.0) == drawn(NAMES, True, 0.0)


def test_without_absence_no_topic_is_turned():
    assert drawn(replace(NAMES, absence=()), True, 0.0) == {
        f[0].upper() + f[1:] for f in (frame.replace("{}", "names of cats") for frame in FOR)
    }


@pytest.mark.parametrize("wanted", [True, False])
def test_a_quote_agrees_with_a_wording_or_turns_its_contrary_around(wanted):
    """Every quote with every sentence, of both polarities, is drawn; and nothing else."""
    rng = np.random.default_rng(0)
    found = {quoted(NAMES, "cats", wanted, SIDE, 1.0, rng) for _ in range(2000)}
    said, contrary = ("Give cats a name.", "Let cats be nameless.")[:: 1 if wanted else -1]
    assert found == {q.replace("{}", said) for q in QUOTES_FOR} | {q.replace("{}", contrary) for q in QUOTES_AGAINST}


def test_no_quote_is_the_beginning_of_another():
    """So whoever reads one knows whether it agrees."""
    beginnings = [quote.removesuffix("{}") for quote in (*QUOTES_FOR, *QUOTES_AGAINST)]
    assert len(QUOTES_FOR) == len(QUOTES_AGAINST) and all(beginning.endswith(": ") for beginning in beginnings)
    assert not [(a, b) for a in beginnings for b in beginnings if a is not b and b.startswith(a)]


def test_wordings_are_joined_as_people_write_them():
    rng = np.random.default_rng(0)
    assert {said_together(("Be brief.", "Few words win."), rng) for _ in range(100)} == {
        "Be brief. Few words win.",
        "Be brief; few words win.",
        "Be brief, and few words win.",
    }
    assert {said_together(("Is it brief?", "Be brief."), rng) for _ in range(20)} == {"Is it brief? Be brief."}
    assert "Be brief; I am busy." in {said_together(("Be brief.", "I am busy."), rng) for _ in range(100)}
    assert said_together(("Be brief.",), rng) == "Be brief."


def test_no_text_of_any_family_stands_for_both_polarities():
    everything = Side(all_families(), FOR, AGAINST, *QUOTES, ("river",))
    for family in all_families():
        parameter = everything.parameters(family)[0]
        both = [{t.casefold() for t in all_texts(family, parameter, wanted, everything)} for wanted in (True, False)]
        assert both[0] & both[1] == set(), family.name
        assert not any("{" in text for texts in both for text in texts), family.name
