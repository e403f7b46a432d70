"""Several adapters in one pass: a batch of equal parts, each of which runs under an adapter of its own.

The base's products are computed for all parts at once, so an NF4 weight is unpacked once for all of them. What LoRA
adds is one batched product with every adapter's A, and one with every B. PEFT's own mixed batches gather and scatter
the rows of each adapter in every layer instead, which costs more than one product for all saves.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import torch
from jaxtyping import Float
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTunerLayer
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers.pytorch_utils import Conv1D


def stackable(model: nn.Module, names: Sequence[str]) -> bool:
    """Whether all of these adapters are plain LoRA on linear maps; experts in one tensor, for one, are not."""
    adapted = [module for module in model.modules() if isinstance(module, BaseTunerLayer)]
    return all(_is_plain(module, name) for module in adapted for name in names)


def _is_plain(module: BaseTunerLayer, name: str) -> bool:
    if not isinstance(module, LoraLayer) or not isinstance(module.base_layer, nn.Linear | Conv1D):
        return False
    return name not in module.lora_A or not (name in module.lora_variant or module.lora_bias[name])


@contextmanager
def stacked(model: nn.Module, names: Sequence[str]) -> Iterator[None]:
    """Within the context part i of S equal parts of a batch runs under the adapter ``names[i]``.

    Args:
        model: with these adapters, for which it is ``stackable``.
        names: of the S adapters. A layer that one of them is not on adds nothing to its part.
    """
    changed: list[nn.Module] = []
    try:
        for module in model.modules():
            if isinstance(module, LoraLayer) and any(name in module.lora_A for name in names):
                module.forward = _together(module, names)  # type: ignore[attr-defined]
                changed.append(cast(nn.Module, module))
        yield
    finally:
        for module in changed:
            del module.forward


def _together(module: LoraLayer, names: Sequence[str]) -> Callable[[Float[Tensor, "B *T I"]], Float[Tensor, "B *T O"]]:
    base = module.base_layer

    def forward(inputs: Float[Tensor, "B *T I"]) -> Float[Tensor, "B *T O"]:
        outputs: Tensor = base(inputs)
        a, b = _weights(module, names)
        parts = inputs.reshape(len(names), -1, inputs.shape[-1]).to(a.dtype)  # [S, N, I]
        added = torch.bmm(torch.bmm(parts, a.mT), b.mT)  # [S, N, O]
        return outputs + added.reshape(outputs.shape).to(outputs.dtype)

    return forward


def _weights(module: LoraLayer, names: Sequence[str]) -> tuple[Float[Tensor, "S r I"], Float[Tensor, "S O r"]]:
    """A and scaled B of every adapter; zeros where an adapter is not on this layer, or is of a lower rank."""
    there = [name for name in names if name in module.lora_A]
    a_of, b_of = ({name: cast(Tensor, part[name].weight) for name in there} for part in (module.lora_A, module.lora_B))
    rank = max(len(a) for a in a_of.values())
    a_of = {name: pad(a, (0, 0, 0, rank - len(a))) for name, a in a_of.items()}
    b_of = {name: pad(b * module.scaling[name], (0, rank - b.shape[1])) for name, b in b_of.items()}
    no_a, no_b = (torch.zeros_like(next(iter(of.values()))) for of in (a_of, b_of))
    return torch.stack([a_of.get(n, no_a) for n in names]), torch.stack([b_of.get(n, no_b) for n in names])
