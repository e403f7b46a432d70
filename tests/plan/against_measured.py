"""A plan beside what is measured: ``python -m tests.plan.against_measured [--random] [OVERRIDES]`` on this machine.

Each phase runs at the plan's lengths with random tokens: once to warm up, once measured. Memory is the peak of the
resident set, to be compared with the plan and its overhead; on a GPU that of torch's allocator, to be compared with the
plan's tensors. Rates are those of all tokens that pass the model, padding included, and of the plan's FLOPs for them,
also as a share of what a plain matrix product reaches here. ``--random`` makes a base of the true shape with random
weights (tests/random_base.py).
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from salmon.models.loading import load_base
from salmon.plan.command import compose_config
from salmon.plan.devices import GIB, this_device
from salmon.plan.planner import plan
from salmon.runtime.environment import peak_memory_gib, reset_peak_memory
from tests.plan.phase_runs import phase_runs
from tests.random_base import random_base

MATMUL = 4096  # rows and columns of the plain matrix product; a quarter of it on a CPU


def allocated_peak(run: Callable[[], object]) -> int:
    """Bytes that ``run`` holds at its peak, on the CPU, above what was allocated before it: every allocation of torch
    and of its kernels, in order."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as recorded:
        run()
    total = peak = 0
    memory = [e for e in recorded.profiler.kineto_results.events() if e.name() == "[memory]"]
    for event in sorted(memory, key=lambda e: e.start_ns()):
        total += event.nbytes()
        peak = max(peak, total)
    return peak


def resident() -> float:
    """GiB of this process now, after free memory went back to the system."""
    reset_peak_memory()
    return peak_memory_gib()


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a matrix product."""
    size, times = (MATMUL, 50) if device.type == "cuda" else (MATMUL // 4, 5)
    one, two = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    one @ two
    seconds = timed(lambda: [one @ two for _ in range(times)])
    return 2 * size**3 * times / seconds


def timed(run: Callable[[], object]) -> float:
    """Seconds until a GPU, too, has done it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


@contextmanager
def counted(decoder: nn.Module) -> Iterator[list[int]]:
    """Tokens of each pass through the decoder inside the block."""
    tokens: list[int] = []
    hook = decoder.register_forward_pre_hook(
        lambda module, args, given: tokens.append(given["input_ids"].numel()), with_kwargs=True
    )
    try:
        yield tokens
    finally:
        hook.remove()


def main(arguments: list[str]) -> None:
    at_random = "--random" in arguments
    cfg = compose_config([argument for argument in arguments if argument != "--random"])
    base, work, phases = plan(cfg, this_device())
    before = resident()
    shared = (random_base if at_random else load_base)(cfg.model, Path(cfg.paths.cache))
    on_gpu, rate = base.device.is_gpu, matmul_rate(shared.device, shared.model.dtype)
    planned = {f"{p.stage} {p.name}": p for p in phases}
    print(
        f"{cfg.model.name} on {base.device.name}; process before the base: {before:.3f} GiB; a matrix product of "
        f"{shared.model.dtype}: {rate / 1e12:.2f} TFLOP/s"
    )
    print(f"{'GiB':<20} {'plan':>7} {'measured':>9} {'ratio':>6} {'s':>8} {'tokens/s':>9} {'TFLOP/s':>8} {'share':>6}")
    for name, prepare in phase_runs(cfg, shared, base, work):
        if name not in planned:
            continue
        phase, run = planned[name], prepare()
        expected = (phase.peak if on_gpu else phase.needed(base.device)) / GIB
        run()
        resident()
        with counted(shared.model.get_decoder()) as tokens:
            seconds = timed(run)
        measured, speed = peak_memory_gib(), sum(tokens) / seconds
        flops = speed * phase.flops / phase.tokens if phase.tokens else float("nan")  # no whole rollout of prompts
        print(
            f"{name:<20} {expected:7.3f} {measured:9.3f} {expected / measured:6.3f} {seconds:8.2f} {speed:9.0f} "
            f"{flops / 1e12:8.3f} {flops / rate:6.1%}",
            flush=True,
        )
        del run


if __name__ == "__main__":
    main(sys.argv[1:])
