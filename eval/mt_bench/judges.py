"""Judges of MT-Bench answers: an OpenAI-compatible endpoint, or a local model's expected rating."""

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from eval.config import EvalJudgeSettings, JudgeKind
from eval.endpoint import ask
from salmon.config.model import ModelConfig
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.loading import load_base
from salmon.models.packing.layout import common_prefix_length
from salmon.models.packing.unpacked import UnpackedPrefix
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.client import Endpoint
from salmon.runtime.endpoint.messages import ChatRequest
from salmon.runtime.fingerprint import identity_digest

log = logging.getLogger("salmon")

ERROR_TEXT = "$ERROR$"  # FastChat's mark of a call that failed
MAX_JUDGMENT_TOKENS = 2048  # as FastChat
REPLIES = "judge_replies"  # folder in the cache
RATING = re.compile(r"\[\[(\d+\.?\d*)\]\]")
RATING_BACKUP = re.compile(r"\[(\d+\.?\d*)\]")  # FastChat accepts single brackets as well
WINNER = re.compile(r"\[\[([ABC])\]\]")


@dataclass(frozen=True)
class JudgePrompt:
    system: str
    user: str
    repeat: int = 0  # tells equal requests apart that are to be asked anew


@dataclass(frozen=True)
class RatingVerdict:
    """``rating`` is None where none could be had: the call failed, or the text holds none from 1 to 10."""

    text: str
    rating: float | None

    @property
    def failed(self) -> bool:
        return self.text == ERROR_TEXT


class RatingJudge(Protocol):
    label: str  # goes into files and tables
    note: str  # what a reader of the table must know
    repeats: int  # verdicts to ask for on each item
    weights: str  # digest of what a model on this machine computes; "" where one behind a server is asked

    @property
    def usage(self) -> str | None:
        """What was asked and paid so far, where that is counted."""

    def rate(self, requests: Sequence[JudgePrompt]) -> Iterator[RatingVerdict]:
        """One verdict a request, in order, each as soon as it is there."""


def make_rating_judge(
    settings: EvalJudgeSettings, shared: SharedModel, model: ModelConfig, cache: Path
) -> RatingJudge | None:
    """The judge of the config; None for ``kind=none``.

    Args:
        shared: the run's base, judge of ``kind=local`` unless another model is named.
        model: the run's model settings, used to load another judge (its path apart).
    """
    match settings.kind:
        case JudgeKind.none:
            return None
        case JudgeKind.openai:
            return EndpointRatingJudge(settings, cache / REPLIES)
        case JudgeKind.local:
            if settings.model is None:
                return LocalRatingJudge(shared, model.name)
            other = replace(model, name=settings.model, path=settings.model, revision=None)
            return LocalRatingJudge(load_base(other, cache), settings.model)


def rating_judge_key(judge: RatingJudge | None) -> str:
    """What tells two judges apart."""
    return "none" if judge is None else f"{judge.label}, {judge.note} {judge.weights}".rstrip()


def parse_rating(text: str) -> float | None:
    """The rating in a judge's text, as FastChat finds it, if it is on the scale from 1 to 10."""
    found = RATING.search(text) or RATING_BACKUP.search(text)
    rating = float(found[1]) if found else None
    return rating if rating is not None and 1 <= rating <= 10 else None


def count_ratings(text: str) -> int:
    """Different ratings in a judge's text; the first counts, as for FastChat."""
    return len(set(RATING.findall(text) or RATING_BACKUP.findall(text)))


def parse_winner(text: str) -> str | None:
    """The one verdict A, B or C (a tie) in double brackets; None where there is none, or several that differ.

    FastChat takes A wherever [[A]] occurs, also beside [[B]].
    """
    found = set(WINNER.findall(text))
    return found.pop() if len(found) == 1 else None


class EndpointRatingJudge:
    """Any server with OpenAI's chat completions; asked once at temperature 0, as FastChat's judge, or several times."""

    def __init__(self, settings: EvalJudgeSettings, cache: Path):
        """
        Args:
            cache: folder that keeps every reply.

        Raises:
            SalmonError: no model is named.
        """
        self.endpoint = Endpoint(settings, ReplyCache(cache), "eval.mt_bench.judge")
        self.label, self.weights = f"{settings.model}", ""
        self.repeats = settings.repeats
        self.temperature = settings.temperature if settings.repeats > 1 else 0.0
        self.note = f"judged by {settings.model} at {self.endpoint.url if settings.base_url else 'api.openai.com'}"
        if self.repeats > 1:
            self.note += f", median of {self.repeats} ratings at temperature {self.temperature:g}"

    @property
    def usage(self) -> str:
        return f"{self.endpoint.totals.text} so far"

    def rate(self, requests: Sequence[JudgePrompt]) -> Iterator[RatingVerdict]:
        """See ``RatingJudge``. A failed call gives a failed verdict; after many in a row no more are made.

        Raises:
            Unavailable: OpenAI's own endpoint, and no key.
        """
        for text in self.say(requests, self.temperature):
            yield RatingVerdict(text, parse_rating(text))

    def say(self, requests: Sequence[JudgePrompt], temperature: float = 0.0) -> Iterator[str]:
        """The judge's texts, ``ERROR_TEXT`` for a failed call; else as ``rate``."""
        asked = [
            ChatRequest(
                (("system", request.system), ("user", request.user)), temperature, MAX_JUDGMENT_TOKENS, request.repeat
            )
            for request in requests
        ]
        for reply in ask(self.endpoint, asked):
            yield ERROR_TEXT if reply.failed else reply.text


class LocalRatingJudge:
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
        self.repeats = 1
        self.usage = None
        self.weights = identity_digest(shared.identity)
        self.tokens = rating_tokens(shared, self.reply_prefix)

    def rate(self, requests: Sequence[JudgePrompt]) -> Iterator[RatingVerdict]:
        """See ``RatingJudge``; the plain base judges, whatever adapter is active outside."""
        prompts = [self._prompt(request) for request in requests]
        groups: dict[str, list[list[int]]] = {}  # by system message: these share their beginning
        for request, prompt in zip(requests, prompts, strict=True):
            groups.setdefault(request.system, []).append(prompt)
        lengths = {system: common_prefix_length(group) for system, group in groups.items()}
        with self.shared.using(None):
            prefixes = {
                system: UnpackedPrefix(self.shared, group[0][: lengths[system]]) for system, group in groups.items()
            }
        for request, prompt in zip(requests, prompts, strict=True):
            rating = self._expected_rating(prompt[lengths[request.system] :], prefixes[request.system])
            yield RatingVerdict(f"[[{rating:.4f}]]", rating)

    def _prompt(self, request: JudgePrompt) -> list[int]:
        chat = replace(self.shared.chat, system_prompt=request.system)
        prompt = chat.prompt_ids([{"role": "user", "content": request.user}], reply_prefix=self.reply_prefix)
        room = self.shared.context - 1  # one token follows it
        if len(prompt) > room:
            log.warning("%s: a judge prompt of %d tokens lost its beginning (model.context)", self.label, len(prompt))
        return prompt[-room:]

    @torch.no_grad()
    def _expected_rating(self, prompt: list[int], prefix: UnpackedPrefix) -> float:
        first, ten = [tokens[0] for tokens in self.tokens], self.tokens[9]
        with self.shared.using(None):
            hidden = prefix.hidden_states([*prompt, first[0]])[-2:]
        start, after_one = self.shared.head(hidden).double().softmax(-1)  # [V] each
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
