"""Log-probs of chosen tokens and entropies from hidden states, a few rows of logits at a time.

The head is frozen, and a position's log-prob depends on its own state only. So its gradient can be taken as soon as the
row's logits are there, before the loss is known, and the pass backward only scales it: no logits outlive their rows,
and the head is computed once. Recomputing it backward (``torch.utils.checkpoint``, or torch's own
``linear_cross_entropy``, which besides rounds log-probs of bf16 states to bf16) takes half as long again.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from salmon.core.ppo import entropy

ROWS = 128  # at a time: fewer save little beside what a layer takes, and a GPU would wait for the head's weights


def chosen_logprobs(head: nn.Module, states: Tensor, chosen: Tensor, temperature: float) -> Tensor:
    """Log-probs [N] of tokens [N] under ``softmax(head(states) / temperature)``, in fp32 or wider.

    The gradient goes to the states [N, D] only: the head is taken as frozen.
    """
    if states.requires_grad and torch.is_grad_enabled():
        logprobs: Tensor = _ChosenLogprobs.apply(states, head, chosen, temperature)
        return logprobs
    return torch.cat([_logprobs(_divided(head(some), temperature), tokens) for some, tokens in _rows(states, chosen)])


@torch.no_grad()
def logprobs_and_entropies(
    head: nn.Module, states: Tensor, chosen: Tensor, temperature: float
) -> tuple[Tensor, Tensor]:
    """The same log-probs, and the entropies [N] in nats of the distributions."""

    def of(some: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        logits = _divided(head(some), temperature)
        return _logprobs(logits, tokens), entropy(logits)

    logprobs, entropies = zip(*(of(*rows) for rows in _rows(states, chosen)), strict=True)
    return torch.cat(logprobs), torch.cat(entropies)


class _ChosenLogprobs(torch.autograd.Function):
    """Keeps each log-prob's gradient [N, D] for the pass backward, and nothing else."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, head: nn.Module, chosen: Tensor, temperature: float) -> Tensor:
        both = (_with_gradients(head, *rows, temperature) for rows in _rows(states, chosen))
        logprobs, gradients = zip(*both, strict=True)
        ctx.save_for_backward(torch.cat(gradients))
        return torch.cat(logprobs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (gradients,) = ctx.saved_tensors
        return (upstream[:, None] * gradients).to(gradients.dtype), None, None, None


def _with_gradients(head: nn.Module, states: Tensor, chosen: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Log-probs [n] of some rows, and their gradients [n, D] with respect to the states."""
    # 1. Logits, with the head's own backward pass (whatever module it is).
    with torch.enable_grad():
        states = states.detach().requires_grad_()
        raw = head(states)
    logits = _divided(raw.detach(), temperature)
    # 2. Log-probs.
    normaliser = logits.logsumexp(-1, keepdim=True)
    logprobs = (logits.gather(-1, chosen[:, None]) - normaliser)[:, 0]
    # 3. Their gradients by the logits, (one-hot - softmax) / temperature, in the logits' own memory.
    slope = logits.sub_(normaliser).exp_().neg_()
    slope.scatter_add_(-1, chosen[:, None], torch.ones_like(normaliser)).div_(temperature)
    # 4. By the states.
    (gradients,) = torch.autograd.grad(raw, states, slope.to(raw.dtype))
    return logprobs, gradients


def _rows(states: Tensor, chosen: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(states.split(ROWS), chosen.split(ROWS), strict=True)


def _divided(logits: Tensor, temperature: float) -> Tensor:
    """A copy [n, V], divided by the temperature, in fp32 or wider."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature


def _logprobs(logits: Tensor, chosen: Tensor) -> Tensor:
    return logits.gather(-1, chosen[:, None])[:, 0] - logits.logsumexp(-1)
