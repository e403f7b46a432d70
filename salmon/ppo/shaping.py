"""What is added to the scores of responses: penalties and the length bonus (PAPER.md 2.7)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.ppo import ShapingSettings
from salmon.core.shaping import length_bonus
from salmon.data.rows import Prompt
from salmon.principles.bank import Principle
from salmon.principles.verifiers import num_words
from salmon.sampling.responses import Response


@dataclass(frozen=True)
class ScoredResponses:
    """Responses with everything that is added up at their last token."""

    prompts: list[Prompt]
    responses: list[Response]
    principles: list[tuple[Principle, ...]]
    scores: Float[Tensor, " B"]  # of the reward function
    unfinished: Float[Tensor, " B"]  # 1 = no end token
    empty: Float[Tensor, " B"]  # 1 = no word
    penalty: Float[Tensor, " B"]  # for unfinished and empty responses
    bonus: Float[Tensor, " B"]  # for length

    @property
    def total(self) -> Float[Tensor, " B"]:
        """Score, penalty and bonus."""
        return self.scores + self.penalty + self.bonus


def shape_scores(
    prompts: Sequence[Prompt],
    responses: Sequence[Response],
    principles: Sequence[tuple[Principle, ...]],
    scores: Float[Tensor, " B"],
    shaping: ShapingSettings,
    max_new_tokens: int,
) -> ScoredResponses:
    """Put penalty and bonus beside the scores; ``max_new_tokens`` is the length of the longest possible response."""
    device = scores.device
    lengths = torch.tensor([float(len(r.ids)) for r in responses], device=device)
    multipliers = torch.tensor([shaping.length_bonus_multiplier[p.type] for p in prompts], device=device)
    unfinished = torch.tensor([float(not r.finished) for r in responses], device=device)
    empty = torch.tensor([float(not num_words(r.text)) for r in responses], device=device)
    return ScoredResponses(
        list(prompts),
        list(responses),
        list(principles),
        scores,
        unfinished,
        empty,
        penalty=unfinished * shaping.unfinished_penalty + empty * shaping.empty_penalty,
        bonus=length_bonus(lengths, max_new_tokens, multipliers, shaping.length_bonus, shaping.length_bonus_cap),
    )
