"""Log-probs of tokens and entropies from hidden states, a few rows of logits at a time.

The head is frozen, and a token's log-prob depends on one hidden state only. So its gradient can be taken as soon as the
row's logits are there, before the loss is known, and the backward pass only scales it: no logits outlive their rows,
and the head is computed once. Recomputing it in the backward pass (``torch.utils.checkpoint``, or torch's own
``linear_cross_entropy``, which besides rounds log-probs of bf16 states to bf16) takes half as long again.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from salmon.core.ppo import entropy

# Rows of logits at a time: fewer save little memory beside a layer's, and a GPU would wait for the head's weights.
ROWS = 128


def token_logprobs(head: nn.Module, states: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    """Log-probs of tokens under ``softmax(head(states) / temperature)``, in fp32 or wider.

    The gradient goes to the states only: the head is taken as frozen.

    Args:
        head: from states [..., D] to logits [..., V].
        states: [N, D] hidden states that predict the tokens.
        tokens: [N].
        temperature: above 0.

    Returns:
        [N], in nats.
    """
    if states.requires_grad and torch.is_grad_enabled():
        logprobs: Tensor = _TokenLogprobs.apply(states, head, tokens, temperature)
        return logprobs
    return torch.cat(
        [_logprobs(_divided(head(chunk), temperature), targets) for chunk, targets in _chunks(states, tokens)]
    )


@torch.no_grad()
def logprobs_and_entropies(
    head: nn.Module, states: Tensor, tokens: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """The same log-probs [N] without gradient, and the entropies [N] of the distributions, in nats."""

    def both(chunk: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        logits = _divided(head(chunk), temperature)
        return _logprobs(logits, targets), entropy(logits)

    logprobs, entropies = zip(*(both(*rows) for rows in _chunks(states, tokens)), strict=True)
    return torch.cat(logprobs), torch.cat(entropies)


class _TokenLogprobs(torch.autograd.Function):
    """Keeps each log-prob's gradient [N, D] for the backward pass, and nothing else."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, head: nn.Module, tokens: Tensor, temperature: float) -> Tensor:
        chunks = (_with_gradients(head, *rows, temperature) for rows in _chunks(states, tokens))
        logprobs, gradients = zip(*chunks, strict=True)
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(logprobs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (gradients,) = ctx.saved_tensors
        return (upstream[:, None] * gradients).to(gradients.dtype), None, None, None


def _with_gradients(head: nn.Module, states: Tensor, tokens: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probs [n] of some rows, and their gradients [n, D] with respect to the states."""
    # 1. Logits [n, V], with the head's own graph (whatever module it is).
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


def _chunks(states: Tensor, tokens: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """States [n, D] and tokens [n], at most ``ROWS`` at a time."""
    return zip(states.split(ROWS), tokens.split(ROWS), strict=True)


def _divided(logits: Tensor, temperature: float) -> Tensor:
    """A copy [n, V], divided by the temperature, in fp32 or wider."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature


def _logprobs(logits: Tensor, tokens: Tensor) -> Tensor:
    """Log-probs [n] of tokens [n] under logits [n, V]."""
    return logits.gather(-1, tokens[:, None])[:, 0] - logits.logsumexp(-1)
