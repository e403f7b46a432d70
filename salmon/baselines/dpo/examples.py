"""The pairs that DPO trains on: which response is preferred, their tokens, and the reference's log-probs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from salmon.config.training import MicroBatchSize
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.ppo.models import REFERENCE
from salmon.preferences.judgements import JudgedPairs
from salmon.runtime.micro_batches import rows_at_once
from salmon.runtime.resumable import map_resumable


@dataclass(frozen=True)
class Example:
    """A pair as tokens, with the log-probs of both responses under the reference (the SFT policy)."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    ref_chosen: float = 0.0  # of the whole response
    ref_rejected: float = 0.0

    @property
    def num_tokens(self) -> int:
        """Of both sequences."""
        return 2 * len(self.prompt_ids) + len(self.chosen_ids) + len(self.rejected_ids)


def label(judged: JudgedPairs, names: Sequence[str], require_agreement: bool) -> Int[np.ndarray, " N"]:
    """Which response is better by the sum of the named principles' scores: +1 the first, -1 the second, 0 undecided.

    Args:
        judged: N pairs with their judgements.
        names: principles that count.
        require_agreement: a principle counts as a tie where the two orders of presentation disagree.

    Raises:
        SalmonError: the pairs were judged by none of the named principles, or every pair is undecided.
    """
    common = [k for k, name in enumerate(judged.bank.names) if name in names]
    if not common:
        raise SalmonError(
            f"dpo: the pairs were judged by {', '.join(judged.bank.names)}, and none of these is among "
            f"the RL principles ({', '.join(names) or 'none'}), which decide what is preferred. Set "
            "principles.rl to a bank that shares names with principles.reward, and mind "
            "principles.include, principles.exclude and principles.reward_exclude"
        )
    labels = np.sign(judged.scores(require_agreement)[:, common].sum(axis=1)).astype(int)
    if not labels.any():
        raise SalmonError(
            f"dpo: the judge prefers neither response in any of {len(labels)} pairs. Raise "
            "preferences.num_prompts, or set preferences.aggregation.require_agreement=false"
        )
    return labels


def encode_preferences(
    shared: SharedModel, judged: JudgedPairs, labels: Int[np.ndarray, " N"], max_new_tokens: int
) -> list[Example]:
    """Tokens of the decided pairs; a response that was cut where sampling ended gets no end token.

    Args:
        max_new_tokens: that sampling allowed; what restyling has made longer is cut there too.
    """
    examples = []
    for pair, sign in zip(judged.pairs, labels, strict=True):
        one, two = (
            shared.chat.answer_ids(text, max_new_tokens, finished)
            for text, finished in ((pair.response_1, pair.finished_1), (pair.response_2, pair.finished_2))
        )
        if sign:
            chosen, rejected = (one, two) if sign > 0 else (two, one)
            examples.append(Example(shared.chat.user_ids(pair.prompt), chosen, rejected))
    return examples


def with_reference(shared: SharedModel, examples: Sequence[Example], size: MicroBatchSize, path: Path) -> list[Example]:
    """The examples with the reference's log-probs, in micro-batches of ``size``; they are kept in the file ``path``."""

    @torch.no_grad()
    def work(chunk: Sequence[Example]) -> list[dict]:
        with shared.using(REFERENCE):
            chosen, rejected = pair_logprobs(shared, chunk)
        return [{"ref_chosen": c, "ref_rejected": r} for c, r in zip(chosen.tolist(), rejected.tolist(), strict=True)]

    at_once = rows_at_once([example.num_tokens for example in examples], size, shared.tokens_at_once)
    rows = map_resumable(path, examples, at_once, work, "pairs read by the reference")
    return [replace(example, **row) for example, row in zip(examples, rows, strict=True)]


def pair_logprobs(shared: SharedModel, examples: Sequence[Example]) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
    """Log-probs of the chosen and of the rejected responses under the active adapter."""
    batch = token_batch(
        [e.prompt_ids for e in examples] * 2,
        [e.chosen_ids for e in examples] + [e.rejected_ids for e in examples],
        shared.pad_id,
        shared.device,
    )
    chosen, rejected = response_logprobs(shared, batch, temperature=1.0).sum(-1).split(len(examples))
    return chosen, rejected
