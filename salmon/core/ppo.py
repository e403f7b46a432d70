"""Clipped losses of PPO (Schulman et al. 2017, arXiv 1707.06347) and what is reported about them.

Every loss and statistic is a SUM over the real tokens given, divided by ``num_tokens``, the number of
real tokens of the whole minibatch. Adding the results of micro-batches therefore gives exactly the
minibatch's mean over tokens, however the rows are split. (The original takes a plain mean over all
positions, so that padding dilutes the loss.) Tensors are ``[B, R]`` unless stated.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from salmon.core.kl import kl_estimate
from salmon.core.masked import is_constant, masked_var, zero_outside
from salmon.core.shapes import require_positive, require_same_shape


@dataclass(frozen=True)
class PolicyStats:
    """Detached 0-dim tensors; each field adds over micro-batches."""

    loss: Float[Tensor, ""]
    approx_kl: Float[Tensor, ""]  # k3 estimate of KL(old policy || new policy), nats per token
    clip_fraction: Float[Tensor, ""]  # share of tokens where the clipped term decides and the gradient is 0
    ratio: Float[Tensor, ""]  # mean of new probability / old probability


@dataclass(frozen=True)
class ValueStats:
    """Detached 0-dim tensors; each field adds over micro-batches."""

    loss: Float[Tensor, ""]
    clip_fraction: Float[Tensor, ""]  # share of tokens where the clipped term decides and the gradient is 0
    error: Float[Tensor, ""]  # mean |new value - return|, in units of the shaped reward


def policy_loss(
    new_logprobs: Float[Tensor, "B R"],
    old_logprobs: Float[Tensor, "B R"],
    advantages: Float[Tensor, "B R"],
    mask: Shaped[Tensor, "B R"],
    clip_range: float,
    num_tokens: int,
    weights: Float[Tensor, "B R"] | None = None,
) -> tuple[Float[Tensor, ""], PolicyStats]:
    """The clipped surrogate objective, negated: to be minimised (eq. 7).

    ``ratio = exp(new - old)``; a token's loss is
    ``max(-A * ratio, -A * clip(ratio, 1 - clip_range, 1 + clip_range))``. Both log-probs must be of the
    sampled tokens at the sampling temperature. The gradient flows through ``new_logprobs`` only.

    ``weights`` (see ``response_weights``) multiply the tokens' losses, and nothing else that is reported; None: all 1.
    """
    require_same_shape(new=new_logprobs, old=old_logprobs, advantages=advantages, mask=mask)
    require_positive(num_tokens=num_tokens)

    # Masked before the exponential: whatever padding holds, its gradient is then exactly 0.
    log_ratio = zero_outside(new_logprobs - old_logprobs.detach(), mask)
    ratio = log_ratio.exp()
    unclipped = -advantages.detach() * ratio
    clipped = -advantages.detach() * ratio.clamp(1 - clip_range, 1 + clip_range)
    losses = torch.maximum(unclipped, clipped)
    loss = _per_token(losses if weights is None else weights * losses, mask, num_tokens)

    with torch.no_grad():
        stats = PolicyStats(
            loss=loss.detach(),
            approx_kl=_per_token(kl_estimate(old_logprobs, new_logprobs, "k3"), mask, num_tokens),
            clip_fraction=_per_token((clipped > unclipped).to(ratio.dtype), mask, num_tokens),
            ratio=_per_token(ratio, mask, num_tokens),
        )
    return loss, stats


def response_weights(mask: Shaped[Tensor, "B R"], num_tokens: int, num_responses: int) -> Float[Tensor, "B R"]:
    """Weights of tokens that make a mean over tokens one over responses; 0 in padding.

    With them ``sum(w * x) / num_tokens`` is GRPO's (arXiv 2402.03300, eq. 3) ``1/G sum_i 1/|o_i| sum_t x_it``: the
    mean over the minibatch's ``num_responses`` responses of the mean over each one's tokens.
    """
    require_positive(num_tokens=num_tokens, num_responses=num_responses)
    real = mask.bool().float()
    return real * (num_tokens / num_responses) / real.sum(-1, keepdim=True)


def value_loss(
    new_values: Float[Tensor, "B R"],
    old_values: Float[Tensor, "B R"],
    returns: Float[Tensor, "B R"],
    mask: Shaped[Tensor, "B R"],
    clip_range: float,
    num_tokens: int,
) -> tuple[Float[Tensor, ""], ValueStats]:
    """``0.5 * max((new - return)^2, (clipped - return)^2)``, where ``clipped`` is the new value kept
    within ``clip_range`` of the old one (as in OpenAI baselines and the original).

    ``clip_range`` is in units of the shaped reward: scaling rewards means scaling it too. Not
    multiplied by the value coefficient. The gradient flows through ``new_values`` only.
    """
    require_same_shape(new=new_values, old=old_values, returns=returns, mask=mask)
    require_positive(num_tokens=num_tokens)

    new = zero_outside(new_values, mask)
    old, target = zero_outside(old_values, mask).detach(), zero_outside(returns, mask).detach()
    # Not old + clamp(new - old): its rounding would count untouched tokens as clipped.
    near_old = torch.clamp(new, old - clip_range, old + clip_range)
    unclipped, clipped = (new - target) ** 2, (near_old - target) ** 2
    loss = 0.5 * _per_token(torch.maximum(unclipped, clipped), mask, num_tokens)

    with torch.no_grad():
        stats = ValueStats(
            loss=loss.detach(),
            clip_fraction=_per_token((clipped > unclipped).to(new.dtype), mask, num_tokens),
            error=_per_token((new - target).abs(), mask, num_tokens),
        )
    return loss, stats


def entropy(logits: Float[Tensor, "*shape V"]) -> Float[Tensor, "*shape"]:
    """Entropy in nats of ``softmax(logits)``: ``[..., V] -> [...]``, in float32 or wider.

    ``-inf`` logits are impossible tokens and contribute 0.
    """
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return torch.special.entr(wide.softmax(dim=-1)).sum(dim=-1)


def explained_variance(
    values: Float[Tensor, "B R"], returns: Float[Tensor, "B R"], mask: Shaped[Tensor, "B R"]
) -> Float[Tensor, ""]:
    """``1 - Var(returns - values) / Var(returns)`` over the real tokens; 0-dim.

    1 = perfect, 0 = no better than a constant, below 0 = worse than one. Constant returns, which
    leave nothing to explain, give 0.
    """
    require_same_shape(values=values, returns=returns, mask=mask)
    unexplained = masked_var(returns - values, mask) / masked_var(returns, mask)
    return torch.where(is_constant(returns, mask), 0.0, 1 - unexplained)


def _per_token(x: Float[Tensor, "B R"], mask: Shaped[Tensor, "B R"], num_tokens: int) -> Float[Tensor, ""]:
    return zero_outside(x, mask).sum() / num_tokens
