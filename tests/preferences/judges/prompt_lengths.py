"""Principles, a pair, and how many tokens the judge's prompts take without one."""

from dataclasses import replace

from salmon.models.base import SharedModel
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Principle
from salmon.principles.templates import judge_request

PRINCIPLES = (
    Principle("Concise", "It says what is needed and no more."),
    Principle("Honest", "It does not claim to know what it does not know, and says how sure it is."),
    Principle("Kind", "It is friendly."),
)
PAIR = Pair("p1", "Why is the sky blue?", "Because of Rayleigh scattering.", "I am not sure, but it may be the sea.")


def swapped(pair: Pair) -> Pair:
    return replace(pair, response_1=pair.response_2, response_2=pair.response_1)


def length(shared: SharedModel, pair: Pair, principle: Principle) -> int:
    request = judge_request(pair.prompt, pair.response_1, pair.response_2, principle.definition)
    return len(shared.chat.prompt_ids([{"role": "user", "content": request.user}], request.reply_prefix))


def frame(shared: SharedModel, *principles: Principle) -> int:
    """Tokens of the longest request without a pair."""
    return max(length(shared, Pair("", "", "", ""), p) for p in principles)
