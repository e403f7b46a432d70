"""What torch allocates, to compare plans with; and ``python -m tests.plan.against_measured --random [OVERRIDES]``.

The command is ``salmon plan --measure`` on a base of the true shape with random weights (tests/random_base.py).
"""

import sys
from collections.abc import Callable

from torch.profiler import ProfilerActivity, profile

from salmon.errors import SalmonError
from salmon.measure.command import measured_plan
from salmon.models.loading import load_base
from salmon.runtime.console import configure_console
from tests.random_base import random_base


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


def main(arguments: list[str]) -> None:
    configure_console()
    load = random_base if "--random" in arguments else load_base
    try:
        print(measured_plan([argument for argument in arguments if argument != "--random"], load))
    except SalmonError as error:
        sys.exit(f"\n{error}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
