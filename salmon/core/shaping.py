"""From a response's score to the reward of each of its tokens (PAPER.md 2.7)."""

import torch
from jaxtyping import Float, Real, Shaped
from torch import Tensor

from salmon.core.masked import masked_whiten, zero_outside
from salmon.core.shapes import require_left_aligned, require_positive, require_same_shape


def length_bonus(
    lengths: Real[Tensor, " B"], max_length: int, multipliers: Float[Tensor, " B"], bonus: float, cap: float
) -> Float[Tensor, " B"]:
    """``bonus * clamp(multiplier * length / max_length, -cap, cap)``, in units of the score: ``[B]``.

    ``lengths`` ``[B]`` are response tokens; ``multipliers`` ``[B]`` depend on the question type. The
    original limits the top only, so its penalty for length was not bounded by the cap.
    """
    require_same_shape(lengths=lengths, multipliers=multipliers)
    require_positive(max_length=max_length)
    return bonus * (multipliers * lengths / max_length).clamp(-cap, cap)


def shaped_rewards(
    scores: Float[Tensor, " B"],
    kl: Float[Tensor, "B R"],
    mask: Shaped[Tensor, "B R"],
    kl_coefficient: float,
    scale: float,
    whiten: bool,
) -> Float[Tensor, "B R"]:
    """The reward of each token ``[B, R]``, 0 in padding.

    Each real token is charged ``kl_coefficient * kl``; the LAST REAL token of each row also receives the
    row's score (Ziegler et al. 2019, eq. 2). Then, with ``whiten``, all rewards are divided by their
    standard deviation over the batch's real tokens (the mean stays: see ``masked_whiten``), and
    last they are multiplied by ``scale``, so that neither setting cancels the other.

    ``scores`` is ``[B]`` (reward model, penalties and bonuses added up), ``kl`` and ``mask`` ``[B, R]``.
    Raises ``ValueError`` for a row without a real token or with one after padding.
    """
    require_same_shape(kl=kl, mask=mask)
    require_left_aligned(mask)
    require_same_shape(scores=scores, rows=mask[:, 0])
    lengths = mask.bool().sum(dim=1)
    if (lengths == 0).any():
        raise ValueError(f"rows {(lengths == 0).nonzero().flatten().tolist()} have no real token to reward")

    rewards = zero_outside(-kl_coefficient * kl, mask)
    rewards[torch.arange(len(rewards), device=rewards.device), lengths - 1] += scores
    if whiten:
        rewards = masked_whiten(rewards, mask, shift_mean=False)
    return rewards * scale
