"""How trained tensors are updated: by one optimiser that every process holds whole."""

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from salmon.config.training import Optimizer, OptimSettings
from salmon.distributed.world import world


class Updates(Protocol):
    """An optimiser over the job's processes; all of them call the same methods in the same order."""

    def apply(self, lr: float) -> float:
        """One update from the processes' gradients added up, and clipped; the gradients are gone afterwards.

        A tensor that no process has a gradient of stays as it is. Returns the gradient's norm before clipping; nothing
        is updated where it is not finite.
        """

    def state(self) -> dict[str, Any]:
        """What torch's optimiser over the whole tensors would say its state is; complete in the first process only."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take over such a state, of any number of processes, for the tensors as they are now."""

    def close(self) -> None:
        """Let go of the tensors: they stay as they are, and others may train them."""


class WholeUpdates:
    """Each process holds all tensors and the whole state, and so comes to the same tensors."""

    def __init__(self, parameters: Sequence[nn.Parameter], optim: OptimSettings) -> None:
        self.optimizer = make_optimizer(parameters, optim)
        self._parameters, self._max_norm = list(parameters), optim.max_grad_norm

    def apply(self, lr: float) -> float:
        """See ``Updates``."""
        world().all_reduce_gradients(self._parameters)
        norm = nn.utils.clip_grad_norm_(self._parameters, self._max_norm).item()
        if math.isfinite(norm):
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def state(self) -> dict[str, Any]:
        """See ``Updates``."""
        return self.optimizer.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """See ``Updates``."""
        self.optimizer.load_state_dict(state)

    def close(self) -> None:
        """See ``Updates``."""


def make_optimizer(parameters: Sequence[nn.Parameter], optim: OptimSettings) -> torch.optim.Optimizer:
    """The configured optimiser over whole tensors."""
    match optim.optimizer:
        case Optimizer.adamw:
            return torch.optim.AdamW(parameters, lr=optim.lr, weight_decay=optim.weight_decay)
        case Optimizer.paged_adamw_32bit:
            from bitsandbytes.optim import PagedAdamW32bit

            return PagedAdamW32bit(parameters, lr=optim.lr, weight_decay=optim.weight_decay)
        case Optimizer.paged_adamw_8bit:
            from bitsandbytes.optim import PagedAdamW8bit

            return PagedAdamW8bit(parameters, lr=optim.lr, weight_decay=optim.weight_decay)
