"""From listed log-probs to log-odds: hand-worked numbers."""

import math
from math import log

import pytest

from salmon.preferences.judges.letters import log_odds


def test_all_spellings_of_a_letter_are_summed() -> None:
    # a: 0.3 + 0.1 + 0.05 = 0.45; b: 0.05 + 0.04 = 0.09; the likeliest spellings alone: 0.3 and 0.05
    top = [(" a", log(0.3)), ("x", log(0.2)), ("A", log(0.1)), ("b", log(0.05)), ("(a", log(0.05)), ("B)", log(0.04))]
    assert log_odds(top) == pytest.approx(log(5))
    assert log_odds(top) != pytest.approx(log(6))  # mutant: the likeliest spelling only


@pytest.mark.parametrize("token", ["a", " a", "A", "(a", "(a)", "**a", "\u0120a", "\u2581a", "\na", '"a"'])
def test_spellings(token: str) -> None:
    assert log_odds([(token, log(0.6)), ("b", log(0.2))]) == pytest.approx(log(3))


@pytest.mark.parametrize("token", ["an", "ab", "apple", "", " ", "á", "\u0430"], ids=repr)  # the last: Cyrillic
def test_other_tokens_are_no_letters(token: str) -> None:
    assert log_odds([(token, log(0.9)), ("x", log(0.05))]) is None


def test_a_letter_that_is_not_listed_gets_the_smallest_listed_logprob() -> None:
    assert log_odds([("a", log(0.6)), ("x", log(0.1)), ("y", log(0.05))]) == pytest.approx(log(0.6 / 0.05))
    assert log_odds([("x", log(0.6)), ("b", log(0.2)), ("y", log(0.1))]) == pytest.approx(-log(2))
    assert log_odds([("x", log(0.6)), ("b", log(0.2))]) == 0.0  # a may be as likely as b, the last of the list
    assert log_odds([]) is None


def test_marks_of_very_unlikely_tokens_stay_finite() -> None:
    assert log_odds([("a", 0.0), ("b", -9999.0)]) == 50.0
    assert log_odds([("a", 0.0), ("b", -math.inf)]) == 50.0
    assert log_odds([("a", 0.0), ("x", -math.inf)]) == 50.0
