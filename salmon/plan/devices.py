"""What the plan knows of devices: memory, rate of matrix products, bandwidth of memory.

GPUs: memory as the driver reports it; dense bf16 rate, bandwidth and links of the makers' data sheets (SXM variants
with NVLink; the RTX 4090 has PCIe 4.0 x16). The share of the rate that training reaches, a kernel's launch, and a CPU's
link (gloo over the loopback device) are assumptions: give ``flops=`` and ``link=`` what you measured.
"""

import os
import time
from dataclasses import dataclass, replace

from salmon.errors import SalmonError

GIB = 2**30
MIB = 2**20


@dataclass(frozen=True)
class Device:
    name: str
    memory: int  # bytes
    flops: float  # dense matrix products a second, as floating-point operations, in the compute dtype
    bandwidth: float  # bytes of memory read a second
    utilisation: float  # share of ``flops`` that a phase is taken to reach
    context: int  # bytes that are gone before the first tensor
    launch_s: float  # to start one kernel
    slack: float  # of all that comes and goes: what the allocator holds and cannot use
    link: float  # bytes a second that it sends, and at the same time receives, from others of the same machine
    is_gpu: bool = True

    def measured(self, flops: float) -> "Device":
        """The same with a rate that was measured in use, of which all is taken."""
        return replace(self, flops=flops, utilisation=1.0)

    def linked(self, link: float) -> "Device":
        """The same with another rate between processes."""
        return replace(self, link=link)


GPU_SLACK = 0.05  # assumed
# glibc keeps freed blocks below 32 MiB in its heap: measured over the phases of SmolLM2-135M. With
# MALLOC_MMAP_THRESHOLD_=65536 in the environment it is near 0, and everything is slower.
CPU_SLACK = 0.6
_CONTEXT = 600 * MIB  # CUDA's context, cuBLAS workspace
DEVICES = {
    device.name: device
    for device in (
        Device("h200", 143771 * MIB, 989e12, 4.8e12, 0.35, _CONTEXT, 5e-6, GPU_SLACK, 450e9),
        Device("h100", 81559 * MIB, 989e12, 3.35e12, 0.35, _CONTEXT, 5e-6, GPU_SLACK, 450e9),
        Device("a100_80", 81920 * MIB, 312e12, 2.04e12, 0.45, _CONTEXT, 5e-6, GPU_SLACK, 300e9),
        Device("a100_40", 40960 * MIB, 312e12, 1.56e12, 0.45, _CONTEXT, 5e-6, GPU_SLACK, 300e9),
        Device("rtx4090", 24564 * MIB, 165e12, 1.01e12, 0.45, _CONTEXT, 5e-6, GPU_SLACK, 32e9),
    )
}
NAMES = (*DEVICES, "cpu")
# Python, torch, transformers and peft, less the base: resident set, measured (``salmon plan --measure``).
PROCESS = 500 * MIB


def device_named(name: str) -> Device:
    """A device of the table, or this machine's CPU, whose rate is measured (a quarter of a second).

    Raises:
        SalmonError: no such device.
    """
    if name == "cpu":
        return _cpu(cpu_flops())
    if name not in DEVICES:
        raise SalmonError(f"gpu={name}: unknown; known are {', '.join(NAMES)}")
    return DEVICES[name]


def this_device(chosen: str = "auto") -> Device:
    """The GPU in use, or this machine's CPU, where only memory matters: rates are not measured.

    Args:
        chosen: ``model.device``.
    """
    import torch

    if torch.cuda.is_available() and chosen != "cpu":
        memory = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
        return Device(torch.cuda.get_device_name(), memory, 1.0, 1.0, 1.0, _CONTEXT, 0.0, GPU_SLACK, 1.0)
    return _cpu(1.0)


def _cpu(flops: float) -> Device:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Device("cpu", memory, flops, 2e10, 0.6, PROCESS, 2e-6, CPU_SLACK, 1e9, is_gpu=False)


def cpu_flops() -> float:
    """Floating-point operations a second of fp32 matrix products on this machine."""
    import torch

    size = 1024
    one, two = torch.randn(size, size), torch.randn(size, size)
    one @ two
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < 0.25:
        one @ two
        count += 1
    return count * 2 * size**3 / (time.perf_counter() - began)
