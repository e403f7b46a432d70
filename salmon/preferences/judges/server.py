"""A model behind an OpenAI-compatible server judges: log-odds of its next token, each asked for once."""

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from salmon.config.preferences import PairJudgeSettings
from salmon.data.rows import Judgement
from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.preferences.judges.answer_cache import AnswerCache
from salmon.preferences.judges.endpoint import Endpoint
from salmon.preferences.judges.interface import JudgedPair
from salmon.preferences.judges.letters import log_odds
from salmon.preferences.judges.prompts import fit_pair
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank
from salmon.principles.templates import JudgeRequest, judge_request

log = logging.getLogger("salmon")


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
        self._concurrency = settings.server.concurrency
        self._endpoint = Endpoint(settings.server)
        self._cache = AnswerCache(cache)
        self._warned = False

    def judge(self, pairs: Sequence[Pair]) -> list[JudgedPair]:
        """See ``PairwiseJudge``. Equal requests are sent once, cached ones not at all.

        Raises:
            SalmonError: see ``Endpoint.ask``; what was answered before is in the cache.
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
        keys = {request: self._endpoint.key(request) for request in requests}
        self._ask_all([request for request, key in keys.items() if key not in self._cache])
        answers = {request: self._cache[key] for request, key in keys.items()}
        silent = sum(answer is None for answer in answers.values())
        if silent and not self._warned:
            self._warned = True
            log.warning(
                "%s: %d of the first %d answers have neither a nor b among their likely tokens and count as "
                "no opinion. If most do, this model cannot judge so: try another preferences.judge.server.api",
                self._endpoint.name,
                silent,
                len(answers),
            )
        return {request: answer or 0.0 for request, answer in answers.items()}

    def _ask_all(self, requests: Sequence[JudgeRequest]) -> None:
        """Put the answers to all requests into the cache."""
        pool = ThreadPoolExecutor(self._concurrency)
        failure: SalmonError | None = None
        try:
            for done in as_completed([pool.submit(self._ask, request) for request in requests]):
                done.result()
        except SalmonError as error:
            failure = error
        finally:  # what is on its way is waited for, and kept; the rest is not sent
            pool.shutdown(cancel_futures=True)
        if failure:
            raise SalmonError(
                f"{failure}. {len(self._cache)} judgements are already in {self._cache.folder}; the same "
                "command continues from there"
            ) from failure

    def _ask(self, request: JudgeRequest) -> None:
        self._cache.put(self._endpoint.key(request), log_odds(self._endpoint.ask(request)))
