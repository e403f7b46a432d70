"""Log-odds of "a" against "b" from the log-probs that a server lists for its next token."""

import math
from collections.abc import Sequence
from typing import Any

# Around a letter, none of these makes it another answer: " a", "(a", "A", "**a" and "a)" all say a. The last
# three are how raw vocabularies write a space or a line break.
_AROUND = " \t\r\n()[]\"'`*.:\u0120\u2581\u010a"
# Log-probs below this count as this: OpenAI lists -9999 for "very unlikely", other servers minus infinity.
FLOOR = -50.0

TopLogProbs = Sequence[tuple[str, float]]  # (token, log-prob) of the likeliest tokens


def log_odds(top: TopLogProbs) -> float | None:
    """log p(a) - log p(b); None where the list holds neither letter.

    The probabilities of all tokens that write one letter are summed. A letter that is not listed is at most as
    likely as the last token that is, and gets that token's log-prob: the result is then a lower bound of the
    opinion's size, and its sign is right.
    """
    found = {letter: [max(lp, FLOOR) for token, lp in top if token.strip(_AROUND).lower() == letter] for letter in "ab"}
    if not any(found.values()):
        return None
    least = max(min(lp for _, lp in top), FLOOR)
    a, b = (_log_sum(found[letter]) if found[letter] else least for letter in "ab")
    return a - b


def read_top_logprobs(body: Any) -> TopLogProbs:
    """The log-probs of the first token in the JSON of a reply; empty if the model ended without a token.

    Both of the API's formats are read, whatever was asked: ``logprobs.content[0].top_logprobs`` as a list of
    ``{token, logprob}`` (chat; llama-server also for completions) and ``logprobs.top_logprobs[0]`` as
    ``{token: logprob}`` (completions).

    Raises:
        ValueError: the reply is no completion, or has no log-probs; the text is for the user.
    """
    try:
        choice = body["choices"][0]
        said = choice["text"] if "text" in choice else choice["message"]["content"]
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError("the reply is not a completion of OpenAI's format") from error
    logprobs = choice.get("logprobs")
    if not isinstance(logprobs, dict):
        raise ValueError("the reply has no log-probs")
    try:
        if logprobs.get("content"):
            top = [(entry["token"], entry["logprob"]) for entry in logprobs["content"][0]["top_logprobs"]]
        elif logprobs.get("top_logprobs"):
            top = list(logprobs["top_logprobs"][0].items())
        else:
            top = []
        checked = [(str(token), float(lp)) for token, lp in top]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError("the log-probs of the reply are not in OpenAI's format") from error
    if any(math.isnan(lp) for _, lp in checked):
        raise ValueError("a log-prob of the reply is not a number")
    if not checked and said:
        raise ValueError("the reply has no log-probs")
    return checked


def _log_sum(logprobs: Sequence[float]) -> float:
    highest = max(logprobs)
    return highest + math.log(math.fsum(math.exp(lp - highest) for lp in logprobs))
