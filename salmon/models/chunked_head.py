"""Log-probs of tokens and entropies from hidden states, a few rows of logits at a time.

The head is frozen, and a token's log-prob depends on one hidden state only. So its gradient can be taken as soon as the
row's logits are there, before the loss is known, and the backward pass only scales it: no logits outlive their rows,
and the head is computed once. Recomputing it in the backward pass (``torch.utils.checkpoint``, or torch's own
``linear_cross_entropy``, which besides rounds log-probs of bf16 states to bf16) takes half as long again.
"""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from salmon.core.ppo import entropy

Head = Callable[[Tensor], Tensor]  # from states [N, D] to logits [N, V]

# Rows of logits at a time: fewer save little memory beside a layer's, and a GPU would wait for the head's weights.
ROWS = 128


def token_logprobs(
    head: Head, states: Float[Tensor, "N D"], tokens: Int[Tensor, " N"], temperature: float
) -> Float[Tensor, " N"]:
    """Log-probs of tokens under ``softmax(head(states) / temperature)``, in fp32 or wider.

    The gradient goes to the states only: the head is taken as frozen.

    Args:
        states: hidden states that predict the tokens.
        tokens: token ids.
        temperature: above 0.

    Returns:
        The log-probs, in nats.
    """
    if states.requires_grad and torch.is_grad_enabled():
        logprobs: Tensor = _TokenLogprobs.apply(states, head, tokens, temperature)
        return logprobs
    return torch.cat(
        [_logprobs(_divided(head(chunk), temperature), targets) for chunk, targets in _chunks(states, tokens)]
    )


@torch.no_grad()
def logprobs_and_entropies(
    head: Head, states: Float[Tensor, "N D"], tokens: Int[Tensor, " N"], temperature: float
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """The same log-probs without gradient, and the entropies of the distributions, in nats."""

    def both(
        chunk: Float[Tensor, "n D"], targets: Int[Tensor, " n"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        logits = _divided(head(chunk), temperature)
        return _logprobs(logits, targets), entropy(logits)

    logprobs, entropies = zip(*(both(*rows) for rows in _chunks(states, tokens)), strict=True)
    return torch.cat(logprobs), torch.cat(entropies)


class _TokenLogprobs(torch.autograd.Function):
    """Keeps each log-prob's gradient [N, D] for the backward pass, and nothing else."""

    @staticmethod
    def forward(
        ctx: Any, states: Float[Tensor, "N D"], head: Head, tokens: Int[Tensor, " N"], temperature: float
    ) -> Float[Tensor, " N"]:
        chunks = (_with_gradients(head, *rows, temperature) for rows in _chunks(states, tokens))
        logprobs, gradients = zip(*chunks, strict=True)
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(logprobs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Float[Tensor, " N"]) -> tuple[Float[Tensor, "N D"], None, None, None]:
        (gradients,) = ctx.saved_tensors
        return (upstream[:, None] * gradients).to(gradients.dtype), None, None, None


def _with_gradients(
    head: Head, states: Float[Tensor, "n D"], tokens: Int[Tensor, " n"], temperature: float
) -> tuple[Float[Tensor, " n"], Float[Tensor, "n D"]]:
    """Log-probs of some rows, and their gradients with respect to the states."""
    # 1. Logits [n, V], with the head's own graph (whatever it computes).
    with torch.enable_grad():
        states = states.detach().requires_grad_()
        raw = head(states)
    logits = _divided(raw.detach(), temperature)
    # 2. Log-probs.
    normaliser = logits.logsumexp(-1, keepdim=True)
    logprobs = (logits.gather(-1, tokens[:, None]) - normaliser)[:, 0]
    # 3. Their gradients with respect to the logits, (one-hot - softmax) / temperature, in the logits' own memory.
    slope = logits.sub_(normaliser).exp_().neg_()
    slope.scatter_add_(-1, tokens[:, None], torch.ones_like(normaliser)).div_(temperature)
    # 4. With respect to the states.
    (gradients,) = torch.autograd.grad(raw, states, slope.to(raw.dtype))
    return logprobs, gradients


def _chunks(
    states: Float[Tensor, "N D"], tokens: Int[Tensor, " N"]
) -> Iterator[tuple[Float[Tensor, "n D"], Int[Tensor, " n"]]]:
    """States and tokens, at most ``ROWS`` at a time."""
    return zip(states.split(ROWS), tokens.split(ROWS), strict=True)


def _divided(logits: Float[Tensor, "n V"], temperature: float) -> Float[Tensor, "n V"]:
    """A copy, divided by the temperature, in fp32 or wider."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature


def _logprobs(logits: Float[Tensor, "n V"], tokens: Int[Tensor, " n"]) -> Float[Tensor, " n"]:
    """Log-probs of tokens."""
    return logits.gather(-1, tokens[:, None])[:, 0] - logits.logsumexp(-1)
