"""How text degenerates under a reward: repetition; and how unsure the reward itself is."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

WINDOW = 4  # tokens of a phrase that may be repeated


def repetition(responses: Sequence[Sequence[int]]) -> float:
    """Mean over the responses of the share of phrases of 4 tokens that the same response has had before.

    A response of fewer tokens repeats nothing.

    Args:
        responses: token ids.
    """
    return sum(map(_repeated, responses)) / len(responses)


def _repeated(ids: Sequence[int]) -> float:
    phrases = [tuple(ids[start : start + WINDOW]) for start in range(len(ids) - WINDOW + 1)]
    return 1 - len(set(phrases)) / len(phrases) if phrases else 0.0


def score_uncertainty(scores: Float[Tensor, " B"]) -> float:
    """Mean entropy, in nats, of the preference that Bradley and Terry's model has between any two of the responses.

    0: it is sure of every pair; ln 2 = 0.693: it cannot tell them apart. A single response gives 0.
    """
    if len(scores) < 2:
        return 0.0
    first, second = torch.triu_indices(len(scores), len(scores), offset=1)
    preferred = torch.sigmoid(scores[first].double() - scores[second].double())
    return float((torch.special.entr(preferred) + torch.special.entr(1 - preferred)).mean())
