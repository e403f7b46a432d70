"""A base in NF4 as plain weights: a scratch copy to sample from, and files that another program can load.

bitsandbytes unpacks a map each time it computes with it, and a decoding step computes little. The copy holds what is
unpacked, in the dtype that the base computes in, so it gives what the NF4 base gives, up to rounding. It takes 2 bytes
a weight in bf16, beside the half byte of NF4, and to make it takes about as long as one step of decoding without it.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit, Params4bit
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor, nn

from salmon.models.base import SharedModel
from salmon.models.device import free_memory
from salmon.runtime.files import write_json_atomic
from salmon.runtime.fingerprint import identity_digest

GIB = 2**30
SHARD_BYTES = 4 * GIB  # of a file, and of RAM while it is written


def why_not_dequantized(shared: SharedModel) -> str | None:
    """Why there is no room for the copy; None: there is."""
    size, free = dequantized_bytes(shared), free_memory(shared.device)
    if size > free:
        return f"the copy would take {size / GIB:.2f} GiB, and {free / GIB:.2f} GiB of memory are free"
    return None


def dequantized_bytes(shared: SharedModel) -> int:
    """Memory that the copy takes."""
    layers = [layer for _, layer in _nf4_layers(shared.model)]
    return sum(layer.in_features * layer.out_features * _dtype(layer).itemsize for layer in layers)


@contextmanager
def dequantized_copy(shared: SharedModel) -> Iterator[None]:
    """Within the context the NF4 maps compute with plain copies of their weights; there are no gradients.

    Adapters stay as they are, beside the maps.
    """
    changed: list[nn.Module] = []
    with torch.no_grad():
        try:
            for _, layer in _nf4_layers(shared.model):
                layer.forward = _plain(layer)  # type: ignore[assignment,method-assign]
                changed.append(layer)
            yield
        finally:
            for module in changed:
                del module.forward


def dequantized_files(shared: SharedModel, cache: Path) -> Path:
    """A folder with the base as plain weights, as ``from_pretrained`` reads it; written once for each base.

    Args:
        cache: below which it is, under a name of the base's identity.
    """
    folder = cache / "dequantized" / identity_digest(shared.identity)
    if folder.exists():
        return folder
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    config = shared.model.config.to_dict()
    config.pop("quantization_config", None)
    write_json_atomic(partial / "config.json", config)
    _write_shards(shared.model, partial)
    partial.rename(folder)
    return folder


def _write_shards(model: nn.Module, folder: Path) -> None:
    files: dict[str, str] = {}  # parameter -> file
    waiting: dict[str, Tensor] = {}

    def write() -> None:
        name = f"model-{len(set(files.values())) + 1:05d}.safetensors"
        save_file(waiting, folder / name, {"format": "pt"})
        files.update(dict.fromkeys(waiting, name))
        waiting.clear()

    total = 0
    for name, tensor in _plain_parameters(model):
        waiting[name] = tensor.contiguous()
        total += tensor.nbytes
        if sum(kept.nbytes for kept in waiting.values()) >= SHARD_BYTES:
            write()
    if waiting:
        write()
    write_json_atomic(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": files})


def _plain_parameters(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Name and value of each parameter of the base, one after the other, on the CPU; without those of adapters."""
    packed = {f"{name}.weight": layer for name, layer in _nf4_layers(model)}
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            continue
        value = _weight(packed[name]) if name in packed else parameter.data
        yield name.replace(".base_layer.", "."), value.cpu()


def _nf4_layers(model: nn.Module) -> Iterator[tuple[str, Linear4bit]]:
    for name, module in model.named_modules():
        if isinstance(module, Linear4bit):
            yield name, module


def _dtype(layer: Linear4bit) -> torch.dtype:
    dtype: torch.dtype = layer.compute_dtype or cast(Params4bit, layer.weight).quant_state.dtype
    return dtype


def _weight(layer: Linear4bit) -> Float[Tensor, "O I"]:
    weight: Tensor = dequantize_4bit(layer.weight.data, cast(Params4bit, layer.weight).quant_state)
    return weight.to(_dtype(layer))


def _plain(layer: Linear4bit) -> Callable[[Float[Tensor, "*B I"]], Float[Tensor, "*B O"]]:
    """What the layer computes, with its weight unpacked now."""
    weight = _weight(layer)
    bias = None if layer.bias is None else layer.bias.to(weight.dtype)

    def forward(inputs: Float[Tensor, "*B I"]) -> Float[Tensor, "*B O"]:
        return nn.functional.linear(inputs.to(weight.dtype), weight, bias).to(inputs.dtype)

    return forward
