"""Generalised advantage estimation."""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from salmon.core.masked import zero_outside
from salmon.core.shapes import require_left_aligned, require_same_shape


def gae(
    rewards: Float[Tensor, "B R"], values: Float[Tensor, "B R"], mask: Shaped[Tensor, "B R"], gamma: float, lam: float
) -> tuple[Float[Tensor, "B R"], Float[Tensor, "B R"]]:
    """Advantages and returns of each response token, both ``[B, R]`` and 0 in padding.

    Schulman et al. 2016 (arXiv 1506.02438, eq. 16), from the last token backwards::

        delta_t = r_t + gamma * V_{t+1} - V_t
        A_t     = delta_t + gamma * lam * A_{t+1}
        return_t = A_t + V_t

    A response ends at its last real token: ``V`` and ``A`` after it are 0, also where it was cut by the
    length limit (its missing end is charged in the score). All inputs are
    ``[B, R]``; a row of ``mask`` is a run of ones from position 0, then zeros (else ``ValueError``).
    """
    require_same_shape(rewards=rewards, values=values, mask=mask)
    require_left_aligned(mask)
    # With rewards and values 0 in padding, the recursion yields 0 there and needs no mask of its own.
    rewards, values = zero_outside(rewards, mask), zero_outside(values, mask)
    next_values = torch.cat([values[:, 1:], torch.zeros_like(values[:, :1])], dim=1)
    deltas = rewards + gamma * next_values - values

    advantages = torch.zeros_like(deltas)
    following = torch.zeros_like(deltas[:, 0])
    for t in reversed(range(deltas.shape[1])):
        following = deltas[:, t] + gamma * lam * following
        advantages[:, t] = following
    return advantages, advantages + values
