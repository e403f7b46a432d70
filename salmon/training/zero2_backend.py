"""Gradients and optimiser state partitioned over the processes: stage 2 of DeepSpeed's ZeRO (arXiv 1910.02054).

Losses are computed outside DeepSpeed's engine, in as many backward passes as a process has micro-batches, and adapters
are trained in turn. So gradients accumulate in the tensors first, as with the other engines, and are given to DeepSpeed
once an update: it reduces each partition to the process that owns it, clips by the global norm, updates that partition
and gathers the new tensors everywhere. Partitioned are, then, the summed gradients, AdamW's state and its copy of the
tensors; each process still holds its own gradients and the tensors whole. salmon/models/zero3_base.py partitions the
frozen base (stage 3).
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


class AdamWWithFrozenGroups(torch.optim.AdamW):
    """AdamW that skips a group whose ``frozen`` is set.

    torch's own AdamW skips tensors without a gradient; DeepSpeed gives them zeros, which would count as a step.
    """

    def step(self, closure: Any = None) -> Any:
        """Update the groups, which DeepSpeed gives one at a time."""
        return None if any(group["frozen"] for group in self.param_groups) else super().step(closure)


class Zero2Backend:
    """See ``salmon.training.backend.OptimizerBackend``."""

    def __init__(
        self, parameters: Sequence[nn.Parameter], sometimes_frozen: Collection[nn.Parameter], optim: OptimSettings
    ) -> None:
        """
        Args:
            sometimes_frozen: tensors that have no gradient in some steps; in such a step none of them has one.
        """
        self._parameters, self._optim = list(parameters), optim
        # DeepSpeed gets flat parameters that share our tensors' storage: it would hook itself into the backward passes
        # of the tensors themselves to reduce at once, and it cannot gather a tensor of no dimension (a head's bias).
        self._flat = [nn.Parameter(parameter.detach().flatten()) for parameter in parameters]
        frozen_tensors = {id(parameter) for parameter in sometimes_frozen}
        groups = [
            [
                flat
                for flat, parameter in zip(self._flat, parameters, strict=True)
                if (id(parameter) in frozen_tensors) == frozen
            ]
            for frozen in (True, False)
        ]
        self._groups = [group for group in groups if group]
        world().all_gather(None)  # a barrier: no process is still in a forward or backward pass
        self._engine = start_engine(self._groups, optim)
        for flat, parameter in zip(self._flat, parameters, strict=True):
            parameter.data = flat.data.view_as(parameter)  # DeepSpeed has copied the values to a buffer of its own

    def step(self, lr: float) -> float:
        """See ``OptimizerBackend``.

        Raises:
            ValueError: part of a group has gradients.
        """
        # 1. The gradients; where this process alone lacks one, it is 0.
        world().fill_missing_gradients(self._parameters)
        for flat, parameter in zip(self._flat, self._parameters, strict=True):
            flat.grad = None if parameter.grad is None else parameter.grad.flatten()
            parameter.grad = None
        # 2. Which groups are updated.
        for settings, group in zip(self._engine.optimizer.param_groups, self._groups, strict=True):
            having = sum(flat.grad is not None for flat in group)
            if having not in (0, len(group)):
                raise ValueError(f"{having} of {len(group)} tensors of a group have gradients")
            settings["lr"], settings["frozen"] = lr, not having
        # 3. Reduce to partitions; then clip, update and gather, but nothing of that where the norm is not finite.
        with self._engine.coalesce_grad_reduction():
            pass  # leaving this context is what reduces the gradients
        self._engine.step()
        return float(self._engine.get_global_grad_norm())

    def state(self) -> dict[str, Any]:
        """See ``OptimizerBackend``."""
        from deepspeed.utils import safe_get_full_optimizer_state

        entries: dict[int, dict[str, torch.Tensor]] = {}
        for number, (parameter, flat, own) in enumerate(self._with_state()):
            if own["step"] > 0:
                # One tensor at a time, and kept where it is written: no process holds the whole state on its GPU.
                moments = {name: safe_get_full_optimizer_state(flat, name) for name in MOMENTS}
                if world().rank == 0:
                    entries[number] = {
                        "step": own["step"].clone(),
                        **{name: moment.view_as(parameter).cpu() for name, moment in moments.items()},
                    }
        return make_optimizer(self._parameters, self._optim).state_dict() | {"state": entries}

    def restore(self, state: dict[str, Any]) -> None:
        """See ``OptimizerBackend``."""
        from deepspeed.utils import safe_set_full_fp32_param, safe_set_full_optimizer_state

        for number, (parameter, flat, own) in enumerate(self._with_state()):
            safe_set_full_fp32_param(flat, parameter.detach())  # DeepSpeed updates a copy
            if saved := state["state"].get(number):
                own["step"].copy_(saved["step"])  # one of a group, whose tensors were always updated together
                for name in MOMENTS:
                    safe_set_full_optimizer_state(flat, saved[name].to(parameter.device), name)

    def close(self) -> None:
        """See ``OptimizerBackend``."""
        self._engine.destroy()

    def _with_state(self) -> list[tuple[nn.Parameter, nn.Parameter, dict[str, torch.Tensor]]]:
        """Each tensor, its flat parameter, and AdamW's state of this process's partition of its group."""
        zero = self._engine.optimizer
        state_of = {
            id(flat): zero.optimizer.state[part]
            for group, part in zip(self._groups, zero.single_partition_of_fp32_groups, strict=True)
            for flat in group
        }
        return [
            (parameter, flat, state_of[id(flat)]) for parameter, flat in zip(self._parameters, self._flat, strict=True)
        ]


def start_engine(groups: Sequence[Sequence[nn.Parameter]], optim: OptimSettings) -> Any:
    """DeepSpeed's engine over the tensors, with AdamW's state at 0."""
    from deepspeed.utils import lazy_init_hp_params_optimizer_state

    held = nn.Module()
    held.flats = nn.ParameterList([flat for group in groups for flat in group])
    adamw = AdamWWithFrozenGroups(
        [{"params": list(group), "frozen": False} for group in groups], lr=optim.lr, weight_decay=optim.weight_decay
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
