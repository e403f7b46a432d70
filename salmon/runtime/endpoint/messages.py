"""What an OpenAI-compatible server is asked, and what it answers."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

TopLogprobs = tuple[tuple[str, float], ...]  # (token, log-probability) of the likeliest tokens at one place


@dataclass(frozen=True)
class ChatRequest:
    """A conversation that the model continues."""

    api: ClassVar[str] = "chat"

    messages: tuple[tuple[str, str], ...]  # (role, text)
    temperature: float
    max_tokens: int
    repeat: int = 0  # tells equal requests apart that are asked anew
    top_logprobs: int | None = None  # likeliest tokens to list for each token of the reply

    @property
    def body(self) -> dict[str, Any]:
        """What is sent, without the model's name."""
        messages = [{"role": role, "content": text} for role, text in self.messages]
        body = {"messages": messages, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return body | ({} if self.top_logprobs is None else {"logprobs": True, "top_logprobs": self.top_logprobs})


@dataclass(frozen=True)
class TextRequest:
    """A plain text that the model continues (the older completions interface)."""

    api: ClassVar[str] = "completions"

    prompt: str
    temperature: float
    max_tokens: int
    repeat: int = 0
    top_logprobs: int | None = None

    @property
    def body(self) -> dict[str, Any]:
        """What is sent, without the model's name."""
        body = {"prompt": self.prompt, "temperature": self.temperature, "max_tokens": self.max_tokens}
        return body | ({} if self.top_logprobs is None else {"logprobs": self.top_logprobs})


Request = ChatRequest | TextRequest


@dataclass(frozen=True)
class Reply:
    """What came back; ``text`` is empty where the call failed."""

    text: str
    failure: str | None = None  # why there is no reply
    finish_reason: str | None = None  # "length": cut off at max_tokens
    prompt_tokens: int | None = None  # None: the server does not say
    completion_tokens: int | None = None
    top_logprobs: tuple[TopLogprobs, ...] = ()  # by token of the reply; () where none were asked for
    cached: bool = False

    @property
    def failed(self) -> bool:
        return self.failure is not None


def read_reply(body: Any, with_logprobs: bool) -> Reply:
    """A reply from the JSON that a server sent.

    Args:
        with_logprobs: log-probabilities were asked for.

    Raises:
        ValueError: it is no completion, or lacks what was asked for; the text is for the user.
    """
    try:
        choice = body["choices"][0]
        said = choice["text"] if "text" in choice else choice["message"]["content"] or choice["message"].get("refusal")
        usage = body.get("usage") or {}
        tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
        ended = choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError("the reply is not a completion of OpenAI's format") from error
    if not isinstance(said, str | None):
        raise ValueError("the reply is not a completion of OpenAI's format")
    listed = _top_logprobs(choice.get("logprobs"), bool(said)) if with_logprobs else ()
    return Reply(said or "", None, ended, *tokens, top_logprobs=listed)


def _top_logprobs(logprobs: Any, said_something: bool) -> tuple[TopLogprobs, ...]:
    """The likeliest tokens of each place; () if the model ended without a token.

    Both of the API's formats are read, whatever was asked: ``content[i].top_logprobs`` as a list of
    ``{token, logprob}`` (chat; llama-server also for completions) and ``top_logprobs[i]`` as ``{token: logprob}``
    (completions).
    """
    if not isinstance(logprobs, dict):
        raise ValueError("the reply has no log-probs")
    try:
        if logprobs.get("content"):
            listed = [
                [(top["token"], top["logprob"]) for top in place["top_logprobs"]] for place in logprobs["content"]
            ]
        else:
            listed = [list(place.items()) for place in logprobs.get("top_logprobs") or ()]
        found = tuple(tuple((str(token), float(value)) for token, value in place) for place in listed)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("the log-probs of the reply are not in OpenAI's format") from error
    if any(math.isnan(value) for place in found for _, value in place):
        raise ValueError("a log-prob of the reply is not a number")
    if said_something and not any(found):
        raise ValueError("the reply has no log-probs")
    return found
