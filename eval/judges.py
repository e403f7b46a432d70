"""Judges of MT-Bench answers: an OpenAI-compatible endpoint, or a local model's expected rating."""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from eval.prefix import CachedPrefix
from eval.results import Unavailable
from salmon.config.schema import EvalJudgeSettings, JudgeKind, ModelConfig
from salmon.errors import SalmonError
from salmon.models.base import SharedModel, load_base
from salmon.models.shared_prefix import common_prefix

log = logging.getLogger("salmon")

ERROR_TEXT = "$ERROR$"  # FastChat's mark of a call that failed
MAX_JUDGMENT_TOKENS = 2048  # as FastChat
CONCURRENT_CALLS = 8
GIVE_UP_AFTER = 16  # failures in a row: the endpoint is down, or the settings are wrong
RATING = re.compile(r"\[\[(\d+\.?\d*)\]\]")
RATING_BACKUP = re.compile(r"\[(\d+\.?\d*)\]")  # FastChat accepts single brackets as well


@dataclass(frozen=True)
class JudgeRequest:
    system: str
    user: str


@dataclass(frozen=True)
class Verdict:
    """``rating`` is None where none could be had: the call failed, or the text holds none from 1 to 10."""

    text: str
    rating: float | None

    @property
    def failed(self) -> bool:
        return self.text == ERROR_TEXT


class Judge(Protocol):
    label: str  # goes into files and tables
    note: str  # what a reader of the table must know

    def rate(self, requests: Sequence[JudgeRequest]) -> Iterator[Verdict]:
        """One verdict a request, in order, each as soon as it is there."""


def make_judge(
    settings: EvalJudgeSettings, shared: SharedModel, model: ModelConfig, cache: Path
) -> Judge | None:
    """The judge of the config; None for ``kind=none``.

    Args:
        shared: the run's base, judge of ``kind=local`` unless another model is named.
        model: the run's model settings, used to load another judge (its path apart).
    """
    match settings.kind:
        case JudgeKind.none:
            return None
        case JudgeKind.openai:
            return EndpointJudge(settings)
        case JudgeKind.local:
            if settings.model is None:
                return LocalJudge(shared, model.name)
            other = replace(model, name=settings.model, path=settings.model, revision=None)
            return LocalJudge(load_base(other, cache), settings.model)


def judge_key(judge: Judge | None) -> str:
    """What tells two judges apart."""
    return "none" if judge is None else f"{judge.label}, {judge.note}"


def parse_rating(text: str) -> float | None:
    """The rating in a judge's text, as FastChat finds it, if it is on the scale from 1 to 10."""
    found = RATING.search(text) or RATING_BACKUP.search(text)
    rating = float(found[1]) if found else None
    return rating if rating is not None and 1 <= rating <= 10 else None


class EndpointJudge:
    """Any server with OpenAI's chat completions; temperature 0, as FastChat's judge."""

    def __init__(self, settings: EvalJudgeSettings):
        if not settings.model:
            raise SalmonError(
                "eval.mt_bench.judge.kind=openai needs the model's name: set eval.mt_bench.judge.model"
            )
        self.settings = settings
        self.label = settings.model
        self.note = f"judged by {settings.model} at {settings.base_url or 'api.openai.com'}"

    def rate(self, requests: Sequence[JudgeRequest]) -> Iterator[Verdict]:
        """See ``Judge``. A failed call gives a failed verdict; after many in a row no more are made.

        Raises:
            Unavailable: OpenAI's own endpoint, and no key.
        """
        from openai import OpenAI

        key = os.environ.get(self.settings.api_key_env)
        if not key and self.settings.base_url is None:
            raise Unavailable(f"no judge: the environment variable {self.settings.api_key_env} holds no key")
        client = OpenAI(
            api_key=key or "none",
            base_url=self.settings.base_url,
            timeout=self.settings.timeout_s,
            max_retries=self.settings.max_retries,
        )
        failures_in_row = 0

        def ask(request: JudgeRequest) -> Verdict:
            nonlocal failures_in_row
            if failures_in_row >= GIVE_UP_AFTER:
                return Verdict(ERROR_TEXT, None)
            verdict = self._ask(client, request)
            failures_in_row = failures_in_row + 1 if verdict.failed else 0
            return verdict

        with ThreadPoolExecutor(CONCURRENT_CALLS) as pool:
            yield from pool.map(ask, requests)

    def _ask(self, client, request: JudgeRequest) -> Verdict:
        from openai import OpenAIError

        messages = [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}]
        try:
            response = client.chat.completions.create(
                model=self.label, messages=messages, temperature=0, max_tokens=MAX_JUDGMENT_TOKENS
            )
            text = response.choices[0].message.content or ""
        except (
            OpenAIError,
            IndexError,
            AttributeError,
            TypeError,
        ) as error:  # the last: not a chat completion
            log.warning(
                "judge %s failed: %s", self.label, " ".join(f"{type(error).__name__}: {error}".split())[:300]
            )
            return Verdict(ERROR_TEXT, None)
        return Verdict(text, parse_rating(text))


class LocalJudge:
    """The rating from 1 to 10 that a local model expects, read off its next-token probabilities.

    The judge prompt is answered with ``Rating: [[``, and the mean of 1 .. 10 under the probabilities of these
    continuations, renormalised over the ten, is the rating. Any model can be asked so, also one that never
    writes a verdict of its own, but it judges without reasoning first: such ratings are comparable with
    each other only, never with published MT-Bench scores.

    Where a tokenizer writes "10" as "1" and "0", the probability of "1" is split by what follows it:
    p(10) = p("1") p("0" | "1") and p(1) = p("1") (1 - p("0" | "1")).
    """

    reply_prefix = "Rating: [["

    def __init__(self, shared: SharedModel, name: str):
        self.shared = shared
        self.label = f"local-expected-rating({name})"
        self.note = f"judged by {self.label}: not comparable with other judges or published scores"
        self.tokens = rating_tokens(shared, self.reply_prefix)

    def rate(self, requests: Sequence[JudgeRequest]) -> Iterator[Verdict]:
        """See ``Judge``; the plain base judges, whatever adapter is active outside."""
        prompts = [self._prompt(request) for request in requests]
        groups: dict[str, list[list[int]]] = {}  # by system message: these share their beginning
        for request, prompt in zip(requests, prompts, strict=True):
            groups.setdefault(request.system, []).append(prompt)
        lengths = {system: common_prefix(group) for system, group in groups.items()}
        with self.shared.using(None):
            prefixes = {
                system: CachedPrefix(self.shared, group[0][: lengths[system]])
                for system, group in groups.items()
            }
        for request, prompt in zip(requests, prompts, strict=True):
            rating = self._expected_rating(prompt[lengths[request.system] :], prefixes[request.system])
            yield Verdict(f"[[{rating:.4f}]]", rating)

    def _prompt(self, request: JudgeRequest) -> list[int]:
        chat = replace(self.shared.chat, system_prompt=request.system)
        prompt = chat.prompt_ids([{"role": "user", "content": request.user}], reply_prefix=self.reply_prefix)
        room = self.shared.context - 1  # one token follows it
        if len(prompt) > room:
            log.warning(
                "%s: a judge prompt of %d tokens lost its beginning (model.context)", self.label, len(prompt)
            )
        return prompt[-room:]

    @torch.no_grad()
    def _expected_rating(self, prompt: list[int], prefix: CachedPrefix) -> float:
        first, ten = [tokens[0] for tokens in self.tokens], self.tokens[9]
        with self.shared.using(None):
            hidden = prefix.hidden_states([[*prompt, first[0]]])[0, -2:]
        start, after_one = self.shared.model.get_output_embeddings()(hidden).double().softmax(-1)  # [V] each
        mass = start[torch.tensor(first, device=start.device)]  # of each rating's first token [10]
        if len(ten) == 2:
            continued = after_one[ten[1]]
            mass[9], mass[0] = mass[0] * continued, mass[0] * (1 - continued)
        return expected_rating(mass)


def expected_rating(mass: Tensor) -> float:
    """Mean of the ratings 1 .. 10 under their probabilities [10], which need not add up to 1."""
    ratings = torch.arange(1, 11, dtype=mass.dtype, device=mass.device)
    return ((mass * ratings).sum() / mass.sum()).item()


def rating_tokens(shared: SharedModel, prefix: str) -> list[list[int]]:
    """Tokens that continue ``prefix`` to each rating "1" .. "10".

    Raises:
        SalmonError: this tokenizer writes the ratings in a way that the local judge cannot read.
    """
    start = shared.chat.encode(prefix)
    whole = [shared.chat.encode(f"{prefix}{rating}") for rating in range(1, 11)]
    tokens = [ids[len(start) :] for ids in whole]
    one, ten = tokens[0], tokens[9]
    readable = all(ids[: len(start)] == start for ids in whole) and all(len(ids) == 1 for ids in tokens[:9])
    if not readable or not (len(ten) == 1 or (len(ten) == 2 and ten[0] == one[0])):
        raise SalmonError(
            f"{shared.path} cannot be the local judge: its tokenizer does not write the digits after "
            f"{prefix!r} as one token each; use eval.mt_bench.judge.kind=openai or none"
        )
    return tokens
