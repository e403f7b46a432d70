"""How likely a policy finds each of two responses to one prompt, through its chat template."""

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
    """The tokens of a pair, cut to ``context``: responses at their end, to half of it at most, prompts at their start.

    Both responses follow the same prompt, so it is cut for the longer one.
    """
    said = messages_of(pair.prompt)
    prompt = chat.prompt_ids(said)
    chosen, rejected = chat.answer_ids(pair.chosen), chat.answer_ids(pair.rejected)
    longest = max(len(chosen), len(rejected))
    if len(prompt) + longest <= context:
        return PairTokens(prompt, chosen, rejected, False)
    room = max(context - len(prompt), context // 2)  # of a response
    kept = min(longest, room)
    prompt, _ = fit_conversation(chat, said, context - kept, "model.context less the response")
    return PairTokens(prompt, chat.answer_ids(pair.chosen, room), chat.answer_ids(pair.rejected, room), True)


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
    *before, last = tokens.prompt  # the last token predicts the first of both responses
    asked = [((last,), tokens.chosen), ((last,), tokens.rejected)]
    chosen, rejected = Continuations(shared, before).likelihoods(asked)
    return PairLikelihood(chosen.logprob, rejected.logprob, len(tokens.chosen), len(tokens.rejected), tokens.cut)
