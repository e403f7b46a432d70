"""How far the policy is from its reference, and how strongly that is charged."""

import math
from typing import Literal

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from salmon.core.masked import zero_outside
from salmon.core.shapes import require_positive, require_same_shape

Estimator = Literal["k1", "k2", "k3"]

MAX_ERROR = 0.2  # Ziegler et al. 2019, section 2.2: the relative error is clipped to this


def kl_estimate(
    logprobs: Float[Tensor, "B R"], ref_logprobs: Float[Tensor, "B R"], estimator: Estimator
) -> Float[Tensor, "B R"]:
    """Per-token estimates of ``KL(policy || reference)`` in nats, from tokens the policy sampled.

    Schulman, "Approximating KL divergence" (2020), with ``d = logprobs - ref_logprobs``:

    - ``k1 = d``: unbiased, may be negative. Not clamped: the original code's ``max(d, 0)`` is biased
      and makes tokens whose probability falls free.
    - ``k2 = d^2 / 2``: biased, never negative.
    - ``k3 = exp(-d) - 1 + d``: unbiased, never negative.

    ``logprobs``, ``ref_logprobs`` and the result are ``[B, R]``; padding must be masked by the caller.
    """
    require_same_shape(logprobs=logprobs, ref_logprobs=ref_logprobs)
    difference = logprobs - ref_logprobs
    match estimator:
        case "k1":
            return difference
        case "k2":
            return difference**2 / 2
        case "k3":
            return torch.expm1(-difference) + difference
        case _:
            raise ValueError(f"unknown KL estimator {estimator!r}")


def kl_loss(
    new_logprobs: Float[Tensor, "B R"],
    ref_logprobs: Float[Tensor, "B R"],
    mask: Shaped[Tensor, "B R"],
    estimator: Estimator,
    num_tokens: int,
    weights: Float[Tensor, "B R"] | None = None,
) -> Float[Tensor, ""]:
    """The KL as a term of the loss (GRPO, arXiv 2402.03300, eq. 3 and 4): the mean estimate over the tokens, 0-dim.

    The gradient flows through ``new_logprobs``. That of k1 is ``grad new_logprobs``, whose expectation is 0, so k1 does
    not hold a policy back. ``num_tokens`` and ``weights`` as in ``salmon.core.ppo.policy_loss``.
    """
    require_same_shape(new=new_logprobs, ref=ref_logprobs, mask=mask)
    require_positive(num_tokens=num_tokens)
    # Masked before the exponential: whatever padding holds, its estimate and its gradient are then exactly 0.
    new, ref = zero_outside(new_logprobs, mask), zero_outside(ref_logprobs, mask).detach()
    estimates = kl_estimate(new, ref, estimator)
    return (estimates if weights is None else weights * estimates).sum() / num_tokens


def next_kl_coefficient(
    coefficient: float, observed_kl: float, target: float, horizon: float, num_responses: int
) -> float:
    """The proportional controller of Ziegler et al. 2019 (arXiv 1909.08593, section 2.2).

    ``error = clip(observed_kl / target - 1, -0.2, 0.2)``, then
    ``coefficient * (1 + error * num_responses / horizon)``.

    ``observed_kl`` and ``target`` are nats per response (summed over its tokens, mean over responses);
    ``horizon`` counts responses; ``num_responses`` were sampled since the last change. Raises
    ``ValueError`` where one step could bring the coefficient to zero or below, or for a non-finite KL.
    """
    require_positive(target=target, horizon=horizon)
    if not math.isfinite(observed_kl):
        raise ValueError(f"observed KL is {observed_kl}")
    if MAX_ERROR * num_responses >= horizon:
        raise ValueError(f"horizon {horizon} must exceed {MAX_ERROR} x {num_responses} responses per update")
    error = min(max(observed_kl / target - 1, -MAX_ERROR), MAX_ERROR)
    return coefficient * (1 + error * num_responses / horizon)
