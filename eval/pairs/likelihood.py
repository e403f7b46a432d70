"""How likely a policy finds each of some responses to one prompt, through its chat template."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from eval.pairs.files import Preference
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat, Message
from salmon.models.fitting import fit_conversation
from salmon.models.packing.continuations import Continuations
from salmon.runtime.resumable import map_resumable

VERSION = 2  # of what a likelihood is
PAIRS_A_LINE = 16  # pairs between two progress lines, and between two writes
TURN = re.compile(r"(?:^|\n\n)(Human|Assistant):")
ROLES = {"Human": "user", "Assistant": "assistant"}


@dataclass(frozen=True)
class PairTokens:
    """A pair as the policy reads it."""

    prompt: list[int]
    chosen: list[int]  # with the end token, unless it was cut
    rejected: list[int]
    cut: bool  # the pair is longer than the context


@dataclass(frozen=True)
class ChoiceTokens:
    """Some responses to one prompt as the policy reads them."""

    prompt: list[int]
    responses: list[list[int]]  # with the end token, unless it was cut
    cut: bool  # something is longer than the context


@dataclass(frozen=True)
class ChoiceLikelihood:
    """Log-probs in nats of whole responses to one prompt, each with the token that ends it, and lengths in tokens."""

    logprobs: list[float]
    tokens: list[int]
    cut: bool


@dataclass(frozen=True)
class PairLikelihood:
    """Log-probs in nats of both whole responses, each with the token that ends it, and their lengths in tokens."""

    chosen: float
    rejected: float
    chosen_tokens: int
    rejected_tokens: int
    cut: bool


def messages_of(prompt: str) -> list[Message]:
    """The turns of "Human: ...", "Assistant: ...", "Human: ..."; any other prompt is one user turn.

    The first turn may lack its "Human:", as in HHH. A dialogue whose turns do not alternate, or have a blank one, is
    no such dialogue either.
    """
    _, *parts = TURN.split(prompt if prompt.startswith("Human:") else f"Human: {prompt}")
    speakers, said = parts[::2], [text.strip() for text in parts[1::2]]
    alternating = [("Human", "Assistant")[place % 2] for place in range(len(speakers))]
    if speakers != alternating or speakers[-1] != "Human" or not all(said):
        return [{"role": "user", "content": prompt}]
    return [{"role": ROLES[speaker], "content": text} for speaker, text in zip(speakers, said, strict=True)]


def encode_pair(chat: ChatFormat, pair: Preference, context: int) -> PairTokens:
    """The tokens of a pair, cut as ``encode_choices`` says."""
    tokens = encode_choices(chat, pair.prompt, (pair.chosen, pair.rejected), context)
    chosen, rejected = tokens.responses
    return PairTokens(tokens.prompt, chosen, rejected, tokens.cut)


def encode_choices(chat: ChatFormat, prompt: str, responses: Sequence[str], context: int) -> ChoiceTokens:
    """The tokens, cut to ``context``: responses at their end, to half of it at most, prompts at their start.

    All responses follow the same prompt, so it is cut for the longest one.
    """
    said = messages_of(prompt)
    asked = chat.prompt_ids(said)
    answers = [chat.answer_ids(text) for text in responses]
    longest = max(map(len, answers))
    if len(asked) + longest <= context:
        return ChoiceTokens(asked, answers, False)
    room = max(context - len(asked), context // 2)  # of a response
    kept = min(longest, room)
    asked, _ = fit_conversation(chat, said, context - kept, "model.context less the response")
    return ChoiceTokens(asked, [chat.answer_ids(text, room) for text in responses], True)


def choice_likelihoods(
    shared: SharedModel, asked: Sequence[tuple[str, Sequence[str]]], folder: Path
) -> list[ChoiceLikelihood]:
    """Of every (prompt, responses) under the active adapter; what is in ``folder`` is not computed again."""

    def work(chunk: Sequence[tuple[str, Sequence[str]]]) -> list[dict]:
        return [vars(_choice_likelihood(shared, prompt, responses)) for prompt, responses in chunk]

    folder.mkdir(parents=True, exist_ok=True)
    rows = map_resumable(folder / "likelihoods.jsonl", asked, PAIRS_A_LINE, work, "rows")
    return [ChoiceLikelihood(**row) for row in rows]


def pair_likelihoods(shared: SharedModel, pairs: Sequence[Preference], folder: Path) -> list[PairLikelihood]:
    """Every pair under the active adapter; what is in ``folder`` is not computed again.

    The prompt of a pair is computed once for both responses.
    """

    def work(chunk: Sequence[Preference]) -> list[dict]:
        return [vars(_pair_likelihood(shared, encode_pair(shared.chat, pair, shared.context))) for pair in chunk]

    folder.mkdir(parents=True, exist_ok=True)
    rows = map_resumable(folder / "likelihoods.jsonl", pairs, PAIRS_A_LINE, work, "pairs")
    return [PairLikelihood(**row) for row in rows]


def _pair_likelihood(shared: SharedModel, tokens: PairTokens) -> PairLikelihood:
    chosen, rejected = _logprobs(shared, tokens.prompt, [tokens.chosen, tokens.rejected])
    return PairLikelihood(chosen, rejected, len(tokens.chosen), len(tokens.rejected), tokens.cut)


def _choice_likelihood(shared: SharedModel, prompt: str, responses: Sequence[str]) -> ChoiceLikelihood:
    tokens = encode_choices(shared.chat, prompt, responses, shared.context)
    logprobs = _logprobs(shared, tokens.prompt, tokens.responses)
    return ChoiceLikelihood(logprobs, [len(ids) for ids in tokens.responses], tokens.cut)


def _logprobs(shared: SharedModel, prompt: Sequence[int], responses: Sequence[list[int]]) -> list[float]:
    *before, last = prompt  # the last token predicts the first of every response
    asked = [((last,), response) for response in responses]
    return [found.logprob for found in Continuations(shared, before).likelihoods(asked)]
