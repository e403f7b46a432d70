"""From listed log-probs to log-odds: hand-worked numbers, and every format of a reply."""

import math
from math import log

import pytest

from salmon.preferences.judges.letters import log_odds, read_top_logprobs


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


# --- replies -----------------------------------------------------------------------------------

LEGACY = {"tokens": [" a"], "token_logprobs": [-0.5], "top_logprobs": [{" a": -0.5, "b": -1.5}], "text_offset": [9]}
CHAT = {
    "content": [
        {
            "token": "a",
            "logprob": -0.5,
            "top_logprobs": [{"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1.5}],
        }
    ]
}


def reply(logprobs: object, **choice: object) -> dict:
    return {"choices": [{"index": 0, "logprobs": logprobs, **(choice or {"text": "a"})}]}


def test_both_formats_are_read() -> None:
    assert read_top_logprobs(reply(LEGACY)) == [(" a", -0.5), ("b", -1.5)]
    assert read_top_logprobs(reply(CHAT, message={"content": "a"})) == [("a", -0.5), ("b", -1.5)]
    assert read_top_logprobs(reply(CHAT)) == [("a", -0.5), ("b", -1.5)]  # llama-server's completions


def test_only_the_first_token_counts() -> None:
    assert read_top_logprobs(reply(LEGACY | {"top_logprobs": [{"a": -1.0}, {"b": -2.0}]})) == [("a", -1.0)]


def test_a_model_that_ends_at_once_lists_nothing() -> None:
    assert read_top_logprobs(reply({"content": []}, message={"content": ""})) == []
    assert read_top_logprobs(reply({"content": None}, message={"content": None})) == []
    assert read_top_logprobs(reply({"tokens": [], "top_logprobs": []}, text="")) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "not a completion"),
        ({}, "not a completion"),
        ({"choices": []}, "not a completion"),
        ({"choices": None}, "not a completion"),
        ({"choices": ["a"]}, "not a completion"),
        ("hello", "not a completion"),
        ({"choices": [{"index": 0}]}, "not a completion"),
        (reply(CHAT, message=None), "not a completion"),
        (reply(None), "no log-probs"),
        (reply({}), "no log-probs"),
        (reply({"content": []}), "no log-probs"),
        (reply({"content": [{"token": "a", "logprob": -1, "top_logprobs": []}]}), "no log-probs"),
        (reply({"top_logprobs": [{}]}), "no log-probs"),
        (reply({"content": [{"token": "a"}]}), "not in OpenAI's format"),
        (reply({"top_logprobs": ["a"]}), "not in OpenAI's format"),
        (reply({"top_logprobs": [{"a": None}]}), "not in OpenAI's format"),
        (reply({"top_logprobs": [{"a": math.nan}]}), "not a number"),
    ],
)
def test_other_replies_are_refused(body: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_top_logprobs(body)
