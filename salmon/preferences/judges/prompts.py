"""What a judge reads, as tokens: its prompt, the tokens that it may answer with, and a pair shortened to fit."""

from collections.abc import Sequence
from dataclasses import replace

from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Principle
from salmon.principles.templates import JudgeRequest, judge_request

MIN_ROOM = 16  # tokens for prompt and responses together; with fewer there is nothing to judge


def judge_prompt_ids(chat: ChatFormat, request: JudgeRequest) -> list[int]:
    """The tokens of a request and of the beginning of its reply."""
    return chat.prompt_ids([{"role": "user", "content": request.user}], request.reply_prefix)


def option_token_ids(chat: ChatFormat, request: JudgeRequest) -> tuple[int, int]:
    """The tokens that continue the reply to a request with "a" and with "b".

    Raises:
        SalmonError: this tokenizer joins the letter with the text before it.
    """
    start = judge_prompt_ids(chat, request)
    ids = []
    for letter in "ab":
        longer = chat.prompt_ids([{"role": "user", "content": request.user}], request.reply_prefix + letter)
        if longer[:-1] != start:
            raise SalmonError(
                f"the tokenizer has no token of its own for {letter!r} after "
                f"{request.reply_prefix!r}: this model cannot judge by log-odds"
            )
        ids.append(longer[-1])
    return ids[0], ids[1]


def room_for_pair(chat: ChatFormat, principles: Sequence[Principle], max_tokens: int) -> int:
    """How many tokens the longest request leaves for a pair.

    Raises:
        SalmonError: there is nothing to judge in so few.
    """
    frame = max(len(judge_prompt_ids(chat, judge_request("", "", "", p.definition))) for p in principles)
    room = max_tokens - frame
    if room < MIN_ROOM:
        raise SalmonError(
            f"preferences.judge.max_tokens={max_tokens}: the judge's own text takes {frame} tokens; raise it"
        )
    return room


def fit_pair(chat: ChatFormat, pair: Pair, principles: Sequence[Principle], max_tokens: int) -> tuple[Pair, int]:
    """Shorten a pair so that its longest request has at most ``max_tokens`` tokens.

    The prompt is cut at its start, at most down to a quarter of the room; then both responses at their ends, to the
    same length. The judge's question is never cut.

    Returns:
        The shortened pair, and how many tokens were cut from it.

    Raises:
        SalmonError: the principles leave no room for the pair.
    """
    room = room_for_pair(chat, principles, max_tokens)
    prompt, one, two = (chat.encode(text) for text in (pair.prompt, pair.response_1, pair.response_2))
    total = len(prompt) + len(one) + len(two)
    if total <= room:
        return pair, 0
    prompt = prompt[-max(room // 4, room - len(one) - len(two)) :]
    each = (room - len(prompt)) // 2
    limit = max(each, room - len(prompt) - min(len(one), len(two)))  # a short response leaves its share to the other
    one, two = one[:limit], two[:limit]
    fitted = replace(
        pair,
        prompt=chat.decode(prompt).lstrip("\ufffd"),  # what a cut inside of a character leaves
        response_1=chat.decode(one).rstrip("\ufffd"),
        response_2=chat.decode(two).rstrip("\ufffd"),
    )
    return fitted, total - len(prompt) - len(one) - len(two)
