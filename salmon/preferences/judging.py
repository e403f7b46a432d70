"""The judge engine: which of two responses follows a principle better, by log-odds of "a" against "b"."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from salmon.data.rows import Judgement
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.models.shared_prefix import next_token_logits
from salmon.principles.bank import Principle
from salmon.principles.templates import JudgeRequest, judge_request


@dataclass(frozen=True)
class Pair:
    """Two responses to one prompt, in the order that "positive = response 1 better" refers to."""

    prompt_id: str
    prompt: str
    response_1: str
    response_2: str
    number: int = 0  # among the pairs of its prompt

    @property
    def id(self) -> str:
        return f"{self.prompt_id}-{self.number}"


@dataclass(frozen=True)
class JudgedPair:
    judgements: list[Judgement]  # [K], in the order of the principles
    cut_tokens: int  # left out of the prompt and the responses to fit the judge's limit


def judge_pair(shared: SharedModel, pair: Pair, principles: Sequence[Principle], max_tokens: int) -> JudgedPair:
    """Judge a pair by every principle in both orders under the active adapter (PAPER.md 2.2).

    Swapping the pair's responses turns every judgement's sign exactly: both orders are the same two
    forward passes.

    Raises:
        SalmonError: the principles leave no room for the pair in ``max_tokens``.
    """
    texts, cut = fit_pair(shared.chat, pair, principles, max_tokens)
    candidates = candidate_ids(shared.chat, judge_request("", "", "", ""))
    groups = [
        [request_ids(shared.chat, judge_request(texts.prompt, first, second, p.definition)) for p in principles]
        for first, second in ((texts.response_1, texts.response_2), (texts.response_2, texts.response_1))
    ]
    forward, swapped = (
        (logits[:, 0] - logits[:, 1]).tolist()
        for logits in (next_token_logits(shared, group, candidates) for group in groups)
    )
    judgements = [
        Judgement(pair.prompt_id, principle.name, first, -second)
        for principle, first, second in zip(principles, forward, swapped, strict=True)
    ]
    return JudgedPair(judgements, cut)


def fit_pair(chat: ChatFormat, pair: Pair, principles: Sequence[Principle], max_tokens: int) -> tuple[Pair, int]:
    """Shorten the pair so that its longest request fits: the prompt to a quarter at its start, then both
    responses alike at their ends. The question of the judge is never cut."""
    frame = max(len(request_ids(chat, judge_request("", "", "", p.definition))) for p in principles)
    room = max_tokens - frame
    if room < 16:
        raise SalmonError(
            f"preferences.judge.max_tokens={max_tokens}: the judge's own text takes {frame} tokens; raise it"
        )
    prompt, one, two = (chat.encode(text) for text in (pair.prompt, pair.response_1, pair.response_2))
    total = len(prompt) + len(one) + len(two)
    if total <= room:
        return pair, 0
    prompt = prompt[-max(room // 4, room - len(one) - len(two)) :]
    each = (room - len(prompt)) // 2
    limit = max(each, room - len(prompt) - min(len(one), len(two)))
    one, two = one[:limit], two[:limit]
    fitted = replace(
        pair,
        prompt=chat.decode(prompt).lstrip("\ufffd"),
        response_1=chat.decode(one).rstrip("\ufffd"),
        response_2=chat.decode(two).rstrip("\ufffd"),
    )
    return fitted, total - len(prompt) - len(one) - len(two)


def candidate_ids(chat: ChatFormat, request: JudgeRequest) -> tuple[int, int]:
    """The tokens that continue the reply to a request with "a" and with "b".

    Raises:
        SalmonError: this tokenizer joins the letter with the text before it.
    """
    start = request_ids(chat, request)
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


def request_ids(chat: ChatFormat, request: JudgeRequest) -> list[int]:
    """Tokens of a request with the beginning of its reply."""
    return chat.prompt_ids([{"role": "user", "content": request.user}], request.reply_prefix)
