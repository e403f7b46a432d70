"""A model behind an OpenAI-compatible server judges: log-odds of its next token, each asked for once."""

import logging
from collections.abc import Sequence
from pathlib import Path

from salmon.config.preferences import PairJudgeSettings, ServerAPI
from salmon.data.rows import Judgement
from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.preferences.judges.interface import JudgedPair
from salmon.preferences.judges.letters import log_odds
from salmon.preferences.judges.prompts import fit_pair
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank
from salmon.principles.templates import JudgeRequest, judge_request
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.client import Endpoint, require_key
from salmon.runtime.endpoint.failures import UNUSABLE
from salmon.runtime.endpoint.messages import ChatRequest, Request, TextRequest

log = logging.getLogger("salmon")

SETTINGS = "preferences.judge.server"
TOP_LOGPROBS = {ServerAPI.completions: 5, ServerAPI.chat: 20}  # as many as OpenAI's own servers list
LETTER_ONLY = "Answer with the letter only: a or b."


class ServerJudge:
    """A model behind an endpoint: it is asked by every principle in both orders, as the self-judge is.

    A reply without either letter among its likely tokens is no opinion: 0.0.
    """

    def __init__(self, settings: PairJudgeSettings, bank: Bank, chat: ChatFormat, cache: Path):
        """
        Args:
            settings: the judge's limits, and where its server is.
            bank: the principles to judge by.
            chat: counts the tokens of ``settings.max_tokens``; the server's own tokenizer may count differently.
            cache: folder for the answers.
        """
        self._principles, self._chat, self._max_tokens = bank.principles, chat, settings.max_tokens
        self._api = settings.server.api
        # Millions of requests, each some thousand characters around the same pairs: they are not kept.
        self._endpoint = Endpoint(settings.server, ReplyCache(cache, with_requests=False), SETTINGS, _advice(self._api))
        require_key(settings.server, SETTINGS)
        self._warned = False

    @property
    def usage(self) -> str:
        """What was asked and paid so far."""
        return self._endpoint.totals.text

    def judge(self, pairs: Sequence[Pair]) -> list[JudgedPair]:
        """See ``PairwiseJudge``. Equal requests are sent once, cached ones not at all.

        Raises:
            SalmonError: a request failed; what was answered before is in the cache.
        """
        fitted = [fit_pair(self._chat, pair, self._principles, self._max_tokens) for pair in pairs]
        requests = [
            [
                (
                    judge_request(pair.prompt, pair.response_1, pair.response_2, principle.definition),
                    judge_request(pair.prompt, pair.response_2, pair.response_1, principle.definition),
                )
                for principle in self._principles
            ]
            for pair, _ in fitted
        ]
        opinion = self._opinions([request for asked in requests for both in asked for request in both])
        return [
            JudgedPair(
                [
                    Judgement(
                        pair.prompt_id, principle.name, original_order=opinion[first], swapped_order=-opinion[second]
                    )
                    for principle, (first, second) in zip(self._principles, asked, strict=True)
                ],
                cut,
            )
            for (pair, cut), asked in zip(fitted, requests, strict=True)
        ]

    def _opinions(self, requests: Sequence[JudgeRequest]) -> dict[JudgeRequest, float]:
        """Log-odds that the response shown first is better, by request."""
        unique = list(dict.fromkeys(requests))
        asked = [server_request(request, self._api) for request in unique]
        answers = dict(zip(unique, self._ask(asked), strict=True))
        silent = sum(answer is None for answer in answers.values())
        if silent and not self._warned:
            self._warned = True
            log.warning(
                "the judge %s: %d of the first %d answers have neither a nor b among their likely tokens and count as "
                "no opinion. If most do, this model cannot judge so: try another %s.api",
                self._endpoint.name(asked[0]),
                silent,
                len(answers),
                SETTINGS,
            )
        return {request: answer or 0.0 for request, answer in answers.items()}

    def _ask(self, requests: Sequence[Request]) -> list[float | None]:
        """Log-odds of "a" against "b"; None where neither is among the likely tokens."""
        answers: list[float | None] = []
        replies = self._endpoint.ask(requests)
        for reply in replies:
            if reply.failed:
                replies.close()  # what is on its way is waited for, and kept; the rest is not sent
                cache = self._endpoint.cache
                raise SalmonError(
                    f"the judge {reply.failure}. {len(cache)} judgements are already in {cache.folder}; the same "
                    "command continues from there"
                )
            answers.append(log_odds(reply.top_logprobs[0] if reply.top_logprobs else ()))
        return answers


def server_request(request: JudgeRequest, api: ServerAPI) -> Request:
    """What a server is asked: one token, with the log-probs of the likeliest; no system prompt.

    ``completions``: the request as plain text, ending in the reply's beginning, so that a letter comes next.
    ``chat``: the request as a user turn that asks for the letter only.
    """
    if api is ServerAPI.chat:
        messages = (("user", f"{request.user}\n{LETTER_ONLY}"),)
        return ChatRequest(messages, temperature=0, max_tokens=1, top_logprobs=TOP_LOGPROBS[api])
    text = f"{request.user}\n\n{request.reply_prefix}"
    return TextRequest(text, temperature=0, max_tokens=1, top_logprobs=TOP_LOGPROBS[api])


def _advice(api: ServerAPI) -> dict[int, str]:
    other = next(each.value for each in ServerAPI if each is not api)
    return {
        400: f"the model may return no log-probs (try {SETTINGS}.api={other}), or its context may be shorter than "
        "preferences.judge.max_tokens",
        404: f"a server without this API may have {SETTINGS}.api={other}",
        UNUSABLE: "A judge needs a server that returns log-probs of the next token: try "
        f"{SETTINGS}.api={other}, or another server (vLLM returns them; llama_cpp.server with --logits_all true)",
    }
