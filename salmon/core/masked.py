"""Statistics over the real tokens of padded batches.

``x`` and ``mask`` have one shape (any). Positions with mask 0 are replaced before any arithmetic, not
multiplied by zero, so that an infinite or NaN value in padding cannot leak.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from salmon.core.shapes import require_same_shape

# A standard deviation below this share of the largest magnitude is float32 rounding, not spread.
ROUNDING = 1e-6


def zero_outside(x: Float[Tensor, "*shape"], mask: Shaped[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """``x`` with zeros where ``mask`` is 0; no gradient flows to those positions."""
    require_same_shape(x=x, mask=mask)
    return torch.where(mask.bool(), x, torch.zeros_like(x))


def masked_mean(
    x: Float[Tensor, "*shape"], mask: Shaped[Tensor, "*shape"], dim: int | None = None
) -> Float[Tensor, "..."]:
    """Mean of ``x`` over the real positions: of all (0-dim result), or along ``dim``.

    Raises ``ValueError`` where there is nothing to average, rather than answering 0 or NaN.
    """
    count = mask.bool().sum(dim)
    if (count == 0).any():
        raise ValueError("mean over no real position")
    return zero_outside(x, mask).sum(dim) / count


def masked_var(x: Float[Tensor, "*shape"], mask: Shaped[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Population (biased, divided by the count) variance over all real positions; 0-dim.

    Biased as in Ziegler et al. 2019 (``tf.nn.moments``), and defined for a single token: 0.
    """
    return masked_mean((x - masked_mean(x, mask)) ** 2, mask)


def is_constant(x: Float[Tensor, "*shape"], mask: Shaped[Tensor, "*shape"]) -> Bool[Tensor, ""]:
    """Whether the real positions hold one value up to rounding; 0-dim bool."""
    return masked_var(x, mask).sqrt() <= ROUNDING * zero_outside(x, mask).abs().max()


def masked_whiten(
    x: Float[Tensor, "*shape"], mask: Shaped[Tensor, "*shape"], shift_mean: bool
) -> Float[Tensor, "*shape"]:
    """Scale the real positions to standard deviation 1; masked-out positions come out 0.

    ``shift_mean=True``: ``(x - mean) / std``, for advantages. ``shift_mean=False``: ``x / std``, for
    rewards, which keeps the sign of every reward and leaves zero rewards at zero. (TRL instead
    computes ``(x - mean) / std + mean``, which pays or charges every token a constant and thereby
    rewards or punishes length.) Constant ``x`` has no scale and is not divided.
    """
    spread = torch.where(is_constant(x, mask), 1.0, masked_var(x, mask).sqrt())
    centred = x - masked_mean(x, mask) if shift_mean else x
    return zero_outside(centred / spread, mask)
