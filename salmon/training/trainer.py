"""What all trained stages share: parameters, learning-rate schedule, gradient clipping, checkpoints."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from salmon.config.training import OptimSettings, Schedule
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.runtime.health import require_finite
from salmon.training.backend import OptimizerBackend
from salmon.training.local_backend import LocalBackend
from salmon.training.state_file import last_usable_state, load_state, write_state


def learning_rate(step: int, total_steps: int, optim: OptimSettings) -> float:
    """Learning rate of the ``step``-th optimiser step (from 0): linear warm-up, then the schedule down to 0."""
    warmup = optim.warmup if optim.warmup >= 1 else math.ceil(optim.warmup * total_steps)
    if step < warmup:
        return optim.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    match optim.schedule:
        case Schedule.constant:
            return optim.lr
        case Schedule.linear:
            return optim.lr * (1 - progress)
        case Schedule.cosine:
            return optim.lr * 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class StepStats:
    lr: float
    grad_norm: float  # before clipping

    def metrics(self) -> dict[str, float]:
        return {"optim/lr": self.lr, "optim/grad_norm": self.grad_norm}


class Trainer:
    """Trained tensors with their optimiser; the learning rate is a function of the step alone.

    A checkpoint holds the tensors, the optimiser's state and small extras of the caller, in one file.

    Attributes:
        optim: learning rate and schedule; several trainings with one optimiser's state may each have their own.
    """

    def __init__(
        self, parameters: Mapping[str, nn.Parameter], optim: OptimSettings, sometimes_frozen: Collection[str] = ()
    ) -> None:
        """
        Args:
            sometimes_frozen: names of tensors that have no gradient in some steps; in such a step none of them has one.
        """
        self.parameters = dict(parameters)
        self.optim = optim
        self._backend = _backend(self.parameters, optim, sometimes_frozen)

    def step(self, step: int, schedule_step: int, total_steps: int) -> StepStats:
        """Sum the gradients over the processes, clip, update and clear them.

        Args:
            step: number to name in an error.
            schedule_step, total_steps: place in the learning-rate schedule.

        Raises:
            SalmonError: the gradient is not finite; nothing is updated then.
        """
        lr = learning_rate(schedule_step, total_steps, self.optim)
        norm = self._backend.step(lr)
        require_finite(step, gradient_norm=norm)
        return StepStats(lr, norm)

    def save(self, path: Path, **extras: Any) -> None:
        """Replace the checkpoint at ``path`` in one step; any number of processes can continue from it.

        Raises:
            SalmonError: the processes have come to hold different parameters.
        """
        world().require_equal(self.parameters)
        state = self._backend.state()
        parameters = {name: parameter.detach().cpu() for name, parameter in self.parameters.items()}
        whole = {"parameters": parameters, "optimizer": state, "extras": extras}
        world().on_main(lambda: write_state(path, whole))

    def load(self, path: Path, usable: Callable[[dict[str, Any]], bool] = lambda extras: True) -> dict[str, Any] | None:
        """Continue from ``path``, or from the state before it where that one is damaged or not ``usable``.

        Returns:
            The extras, or None where there is nothing to continue from.

        Raises:
            SalmonError: it is the state of another training.
        """
        found = world().on_main(lambda: last_usable_state(path, usable))
        if found is None:
            return None
        state = load_state(found)
        if state["parameters"].keys() != self.parameters.keys():
            raise SalmonError(f"{found} holds other parameters than this run trains. Delete its folder to start again")
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(state["parameters"][name])
        self._backend.restore(state["optimizer"])
        world().all_gather(None)  # before anyone replaces the file
        extras: dict[str, Any] = state["extras"]
        return extras

    def close(self) -> None:
        """Let go of the tensors: they keep their values, and another trainer may train them."""
        self._backend.close()


def _backend(
    parameters: Mapping[str, nn.Parameter], optim: OptimSettings, sometimes_frozen: Collection[str]
) -> OptimizerBackend:
    if not world().splits_state:
        return LocalBackend(list(parameters.values()), optim)
    from salmon.training.zero2_backend import Zero2Backend  # DeepSpeed, which takes seconds to import

    frozen_tensors = [parameter for name, parameter in parameters.items() if name in sometimes_frozen]
    return Zero2Backend(list(parameters.values()), frozen_tensors, optim)
