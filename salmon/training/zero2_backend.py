"""Updates whose gradients and optimiser state are split over the processes: stage 2 of DeepSpeed's ZeRO.

Losses are computed outside DeepSpeed's engine, in as many backward passes as a process has micro-batches, and adapters
take turns. So gradients add up in the tensors first, as with the other engines, and come to DeepSpeed once an update:
it sums each piece in the process whose piece it is, clips by the global norm, updates that piece, and hands the new
tensors round. What is split, then, are the summed gradients, AdamW's state and its copy of the tensors; a process's own
gradients and the tensors are whole in each. salmon/models/split_base.py splits the frozen base.
"""

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import nn

from salmon.config.training import OptimSettings
from salmon.distributed.deepspeed import library
from salmon.distributed.processes import BUCKET
from salmon.distributed.world import world
from salmon.training.local_backend import make_optimizer

MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's names of what it keeps of each tensor


class AdamWInTurns(torch.optim.AdamW):
    """AdamW that leaves a group alone whose ``rests`` is set.

    torch's own passes over tensors without a gradient; DeepSpeed puts zeros there, which would count as a step.
    """

    def step(self, closure: Any = None) -> Any:
        """Update the groups, which DeepSpeed gives one at a time."""
        return None if any(group["rests"] for group in self.param_groups) else super().step(closure)


class SplitUpdates:
    """See ``salmon.training.local_backend.Updates``."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], may_rest: Collection[nn.Parameter], optim: OptimSettings
    ) -> None:
        """``may_rest``: those that some steps leave without gradients, always all of them together."""
        self._parameters, self._optim = list(parameters), optim
        # DeepSpeed has names of its own for the same numbers, without axes: it hooks itself into the backward passes of
        # what it is given, to sum at once, and cannot hand round a tensor without axes (a head's bias).
        self._pieces = [nn.Parameter(parameter.detach().flatten()) for parameter in parameters]
        resting = {id(parameter) for parameter in may_rest}
        groups = [
            [
                piece
                for piece, parameter in zip(self._pieces, parameters, strict=True)
                if (id(parameter) in resting) == rests
            ]
            for rests in (True, False)
        ]
        self._groups = [group for group in groups if group]
        world().all_gather(None)  # all are here, and none is still busy with passes
        self._engine = start_engine(self._groups, optim)
        for piece, parameter in zip(self._pieces, parameters, strict=True):
            parameter.data = piece.data.view_as(parameter)  # DeepSpeed has moved the numbers

    def apply(self, lr: float) -> float:
        """See ``Updates``.

        Raises:
            ValueError: part of a group has gradients.
        """
        # 1. The gradients; where this process alone lacks one, it is 0.
        world().fill_missing_gradients(self._parameters)
        for piece, parameter in zip(self._pieces, self._parameters, strict=True):
            piece.grad = None if parameter.grad is None else parameter.grad.flatten()
            parameter.grad = None
        # 2. Which groups are updated.
        for settings, group in zip(self._engine.optimizer.param_groups, self._groups, strict=True):
            having = sum(piece.grad is not None for piece in group)
            if having not in (0, len(group)):
                raise ValueError(f"{having} of {len(group)} tensors of a group have gradients")
            settings["lr"], settings["rests"] = lr, not having
        # 3. Sum in pieces; then clip, update, hand round, but nothing of it where the norm is not finite.
        with self._engine.coalesce_grad_reduction():
            pass  # the backward passes are over: what it does is at its end
        self._engine.step()
        return float(self._engine.get_global_grad_norm())

    def state(self) -> dict[str, Any]:
        """See ``Updates``."""
        from deepspeed.utils import safe_get_full_optimizer_state

        entries: dict[int, dict[str, torch.Tensor]] = {}
        for number, (parameter, piece, own) in enumerate(self._with_state()):
            if own["step"] > 0:
                # One tensor at a time, and kept where it is written: no process holds the whole state on its GPU.
                moments = {name: safe_get_full_optimizer_state(piece, name) for name in MOMENTS}
                if world().rank == 0:
                    entries[number] = {
                        "step": own["step"].clone(),
                        **{name: moment.view_as(parameter).cpu() for name, moment in moments.items()},
                    }
        return make_optimizer(self._parameters, self._optim).state_dict() | {"state": entries}

    def restore(self, state: dict[str, Any]) -> None:
        """See ``Updates``."""
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

        for number, (parameter, piece, own) in enumerate(self._with_state()):
            safe_set_full_fp32_param(piece, parameter.detach())  # DeepSpeed updates a copy
            if saved := state["state"].get(number):
                own["step"].copy_(saved["step"])  # one of a group, whose tensors were always updated together
                for name in MOMENTS:
                    safe_set_full_optimizer_state(piece, saved[name].to(parameter.device), name)

    def close(self) -> None:
        """See ``Updates``."""
        self._engine.destroy()

    def _with_state(self) -> list[tuple[nn.Parameter, nn.Parameter, dict[str, torch.Tensor]]]:
        """Each tensor, DeepSpeed's name for it, and AdamW's state of this process's part of the group that it is in."""
        zero = self._engine.optimizer
        state_of = {
            id(piece): zero.optimizer.state[part]
            for group, part in zip(self._groups, zero.single_partition_of_fp32_groups, strict=True)
            for piece in group
        }
        return [
            (parameter, piece, state_of[id(piece)])
            for parameter, piece in zip(self._parameters, self._pieces, strict=True)
        ]


def start_engine(groups: Sequence[Sequence[nn.Parameter]], optim: OptimSettings) -> Any:
    """DeepSpeed's engine over the tensors, with AdamW's state at 0."""
    from deepspeed.utils import lazy_init_hp_params_optimizer_state

    held = nn.Module()
    held.pieces = nn.ParameterList([piece for group in groups for piece in group])
    adamw = AdamWInTurns(
        [{"params": list(group), "rests": False} for group in groups], lr=optim.lr, weight_decay=optim.weight_decay
    )
    engine, *_ = library().initialize(
        model=held,
        optimizer=adamw,
        config={
            "train_micro_batch_size_per_gpu": 1,  # asked for, and of no meaning: DeepSpeed sees no batches here
            "gradient_allreduce_op": "sum",  # each loss is divided by the whole batch already
            "gradient_clipping": optim.max_grad_norm,
            "zero_allow_untested_optimizer": True,  # it knows torch's AdamW by its exact type only
            "zero_optimization": {
                "stage": 2,
                "overlap_comm": False,
                "contiguous_gradients": False,
                "reduce_bucket_size": BUCKET,
                "allgather_bucket_size": BUCKET,
            },
        },
    )
    # AdamW makes its state at its first step, which groups may take at different times; DeepSpeed wants all at once.
    zero = engine.optimizer
    for tensors, part in zip(zero.bit16_groups, zero.single_partition_of_fp32_groups, strict=True):
        adamw.state[part] = {"step": torch.tensor(0.0)} | {name: torch.zeros_like(part) for name in MOMENTS}
        lazy_init_hp_params_optimizer_state(tensors, part, adamw.state)
    return engine
