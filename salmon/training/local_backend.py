"""An optimiser that every process holds whole."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from salmon.config.training import Optimizer, OptimSettings
from salmon.distributed.world import world


class LocalBackend:
    """Each process holds all tensors and the whole optimiser state, and so computes the same update."""

    def __init__(self, parameters: Sequence[nn.Parameter], optim: OptimSettings) -> None:
        self.optimizer = make_optimizer(parameters, optim)
        self._parameters, self._max_norm = list(parameters), optim.max_grad_norm

    def step(self, lr: float) -> float:
        """See ``OptimizerBackend``."""
        world().all_reduce_gradients(self._parameters)
        norm = nn.utils.clip_grad_norm_(self._parameters, self._max_norm).item()
        if math.isfinite(norm):
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def state(self) -> dict[str, Any]:
        """See ``OptimizerBackend``."""
        return self.optimizer.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """See ``OptimizerBackend``."""
        self.optimizer.load_state_dict(state)

    def close(self) -> None:
        """See ``OptimizerBackend``."""


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
