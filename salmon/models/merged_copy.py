"""A scratch copy of the base's linear maps for sampling on a CPU: an adapter merged in, in oneDNN's own layout.

A decoding step reads every weight for a few rows. LoRA's two small products beside each map, and weights in rows that
oneDNN rearranges in every call, then take more time than the product itself. The copy holds W + scale * B A in fp32,
so it is exact to rounding. It takes the maps' memory once more, and the time of a few decoding steps to make.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import torch
from jaxtyping import Float
from peft.tuners.lora import Linear as LoraLinear
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from salmon.models.base import SharedModel
from salmon.models.device import computes_in_fp32
from salmon.runtime.environment import available_memory

GIB = 2**30
ROOM = 1.5  # of the copy's size, that must be free: sampling needs the rest for keys, values and logits


def why_no_copy(shared: SharedModel) -> str | None:
    """Why a base's linear maps cannot be copied so; None: they can."""
    if shared.device.type != "cpu":
        return f"the base is on {shared.device.type}, and the copy is made for a CPU"
    if not computes_in_fp32(shared.model):
        return "the base is not in fp32, and rounding the sums would change them"
    if any(base.weight.numel() == 0 for _, base in _linear_maps(shared.model)):  # zero3, between passes
        return "each process has a part of the base only"
    if not torch.backends.mkldnn.is_available():
        return "this build of torch has no oneDNN"
    size, free = copy_bytes(shared), available_memory()
    if ROOM * size > free:
        return f"it would take {size / GIB:.2f} GiB, and {free / GIB:.2f} GiB of memory are free"
    return None


def copy_bytes(shared: SharedModel) -> int:
    """Memory that the copy takes."""
    return sum(base.weight.nbytes for _, base in _linear_maps(shared.model))


@contextmanager
def merged_copy(shared: SharedModel, adapter: str | None) -> Iterator[None]:
    """Within the context ``adapter`` (None: none) is active and merged into a copy of the maps; there are no gradients.

    The copy is of the adapter as it is now. Maps of another kind than ``nn.Linear`` and ``Conv1D``, such as experts in
    one tensor, and adapters of another kind than plain LoRA stay as they are.
    """
    changed: list[nn.Module] = []
    with torch.no_grad(), shared.using(adapter):
        try:
            for module, base in _linear_maps(shared.model):
                weight = base.weight.T if isinstance(base, Conv1D) else base.weight
                if isinstance(module, LoraLinear) and adapter is not None and adapter in module.lora_A:
                    if adapter in module.lora_variant or module.lora_bias[adapter]:
                        continue
                    a, b = (cast(Tensor, part[adapter].weight) for part in (module.lora_A, module.lora_B))
                    weight = torch.addmm(weight, b, a, alpha=module.scaling[adapter])
                module.forward = _laid_out(weight, base.bias)  # type: ignore[method-assign]
                changed.append(module)
            yield
        finally:
            for module in changed:
                del module.forward


def _linear_maps(model: nn.Module) -> Iterator[tuple[nn.Module, nn.Linear | Conv1D]]:
    """Each linear map as the model calls it, with LoRA around it or without, and the module that holds its weight."""
    adapted = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    inside = {part for module in adapted for part in module.modules() if part is not module}  # type: ignore[attr-defined]
    for module in model.modules():
        base = module.base_layer if isinstance(module, LoraLinear) else module
        if module not in inside and type(base) in (nn.Linear, Conv1D):
            yield module, cast(nn.Linear | Conv1D, base)


def _laid_out(
    weight: Float[Tensor, "O I"], bias: Float[Tensor, " O"] | None
) -> Callable[[Float[Tensor, "*B I"]], Float[Tensor, "*B O"]]:
    """A linear map with a copy of its weight in the layout that oneDNN computes with."""
    copied = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), None)
    linear = torch.ops.mkldnn._linear_pointwise  # what torch.compile makes of ``nn.Linear`` with frozen weights

    def forward(inputs: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        outputs: Tensor = linear(inputs, copied, bias, "none", [], "")
        return outputs

    return forward
