"""Every format of a reply."""

import math

import pytest

from salmon.runtime.endpoint.messages import Reply, TopLogprobs, read_reply

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


def top_logprobs(body: dict) -> tuple[TopLogprobs, ...]:
    return read_reply(body, with_logprobs=True).top_logprobs


def test_both_formats_are_read() -> None:
    assert top_logprobs(reply(LEGACY)) == (((" a", -0.5), ("b", -1.5)),)
    assert top_logprobs(reply(CHAT, message={"content": "a"})) == ((("a", -0.5), ("b", -1.5)),)
    assert top_logprobs(reply(CHAT)) == ((("a", -0.5), ("b", -1.5)),)  # llama-server's completions


def test_every_token_has_a_list() -> None:
    assert top_logprobs(reply(LEGACY | {"top_logprobs": [{"a": -1.0}, {"b": -2.0}]})) == (
        (("a", -1.0),),
        (("b", -2.0),),
    )


def test_tokens_that_are_written_alike_stay_apart() -> None:
    """Tokens of single bytes are all written as the replacement character."""
    alike = [{"token": "\ufffd", "logprob": -1.0}, {"token": "\ufffd", "logprob": -2.0}]
    logprobs = {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": alike}]}
    assert top_logprobs(reply(logprobs)) == ((("\ufffd", -1.0), ("\ufffd", -2.0)),)


def test_a_model_that_ends_at_once_lists_nothing() -> None:
    assert not any(top_logprobs(reply({"content": []}, message={"content": ""})))
    assert not any(top_logprobs(reply({"content": None}, message={"content": None})))
    assert not any(top_logprobs(reply({"tokens": [], "top_logprobs": []}, text="")))


def test_what_was_not_asked_for_need_not_be_there() -> None:
    assert read_reply(reply(None), with_logprobs=False) == Reply("a")
    usage = {"usage": {"prompt_tokens": 7, "completion_tokens": 1}}
    found = read_reply(reply(None, text="a", finish_reason="length") | usage, with_logprobs=False)
    assert found == Reply("a", None, "length", 7, 1)


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
        (reply(CHAT, text=["a"]), "not a completion"),
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
        read_reply(body, with_logprobs=True)
