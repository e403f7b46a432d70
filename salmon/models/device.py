"""Which device and which floating-point numbers a base computes with."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from peft.helpers import disable_input_dtype_casting
from torch import nn
from transformers import PreTrainedModel

from salmon.config.model import Dtype
from salmon.errors import SalmonError
from salmon.runtime.environment import available_memory

log = logging.getLogger("salmon")


def pick_device(name: str) -> torch.device:
    """The device of that name; "auto" is a GPU where one is visible, else the CPU.

    Raises:
        SalmonError: there is no device of this name, or it is not one that this package computes on.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise SalmonError(f"model.device={name}: known are auto, cpu, cuda, and cuda:N for the GPU with number N")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise SalmonError(f"model.device={name}, but no CUDA device is visible; use model.device=auto")
    device = torch.device(name)
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise SalmonError(
            f"model.device={name}: {torch.cuda.device_count()} CUDA devices are visible, and their numbers begin with 0"
        )
    return device


def free_memory(device: torch.device) -> int:
    """Bytes that tensors on the device can still take; on a GPU also what torch holds and no tensor has."""
    if device.type == "cpu":
        return available_memory()
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return torch.cuda.mem_get_info(device)[0] + unused


def computes_in_fp32(model: PreTrainedModel) -> bool:
    """Whether neither weights nor activations are rounded to fewer bits, so that ways to compute agree to rounding."""
    return model.dtype is torch.float32 and not getattr(model, "is_loaded_in_4bit", False)


def pick_dtype(dtype: Dtype, device: torch.device) -> torch.dtype:
    """The dtype to compute in, NF4 weights included; "auto" is bf16 where the hardware computes in it.

    Raises:
        SalmonError: bf16 was asked for, and the GPU would only emulate it (cards before Ampere: V100, T4, RTX 20).
    """
    fast = device.type == "cuda" and _computes_in_bf16(device)
    if dtype is Dtype.auto:
        if device.type == "cuda" and not fast:
            log.warning(
                "%s does not compute in bfloat16: model.dtype=auto is float32 on it, which takes twice the memory",
                torch.cuda.get_device_name(device),
            )
        return torch.bfloat16 if fast else torch.float32
    if dtype is Dtype.bfloat16 and device.type == "cuda" and not fast:
        raise SalmonError(
            f"model.dtype=bfloat16, but {torch.cuda.get_device_name(device)} does not compute in it "
            "(GPUs do from NVIDIA's Ampere on): use model.dtype=float32, or another GPU"
        )
    return {Dtype.float32: torch.float32, Dtype.bfloat16: torch.bfloat16}[dtype]


def _computes_in_bf16(device: torch.device) -> bool:
    with torch.cuda.device(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)


@contextmanager
def products_in_bf16(model: nn.Module, device: torch.device, enabled: bool) -> Iterator[None]:
    """Within the context, products of matrices are computed in bf16 from fp32 weights and states, if ``enabled``.

    Where the device would not be faster in bf16, nothing changes.
    """
    enabled = enabled and (_computes_in_bf16(device) if device.type == "cuda" else _cpu_multiplies_bf16())
    with torch.autocast(device.type, torch.bfloat16, enabled), disable_input_dtype_casting(model, enabled):
        yield


@cache
def _cpu_multiplies_bf16() -> bool:
    """Whether the CPU has a unit for whole matrices in bf16; its vector instructions alone are slower than fp32's."""
    return bool(torch.cpu.get_capabilities().get("amx_bf16"))
