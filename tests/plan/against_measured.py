"""A plan beside what is measured: ``python -m tests.plan.against_measured [OVERRIDES]`` on this machine's CPU or GPU.

Each phase runs once at the plan's lengths with random tokens. Measured is the peak of the resident set, to be compared
with the plan and its overhead; on a GPU that of torch's allocator, to be compared with the plan's tensors.
"""

import ctypes
import gc
import sys
from collections.abc import Callable
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from salmon.models.base import load_base
from salmon.plan.command import compose_config
from salmon.plan.devices import GIB
from salmon.plan.out_of_memory import this_device
from salmon.plan.planner import plan
from salmon.plan.table import needed
from salmon.runtime.environment import peak_memory_gib, reset_peak_memory
from tests.plan.phase_runs import phase_runs


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
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    reset_peak_memory()
    return peak_memory_gib()


def main(overrides: list[str]) -> None:
    cfg = compose_config(overrides)
    base, work, phases = plan(cfg, this_device())
    before = resident()
    shared = load_base(cfg.model, Path(cfg.paths.cache))
    on_gpu = base.device.is_gpu
    planned = {f"{p.stage} {p.name}": (p.peak if on_gpu else needed(base.device, p)) / GIB for p in phases}
    print(f"{cfg.model.name} on {base.device.name}; process before the base: {before:.3f} GiB")
    print(f"{'GiB':<20} {'plan':>7} {'measured':>9} {'plan/measured':>14}")
    for name, prepare in phase_runs(cfg, shared, base, work):
        if name not in planned:
            continue
        run = prepare()
        resident()
        run()
        measured = peak_memory_gib()
        print(f"{name:<20} {planned[name]:7.3f} {measured:9.3f} {planned[name] / measured:14.3f}", flush=True)
        del run


if __name__ == "__main__":
    main(sys.argv[1:])
