"""``python -m sweeps.status FOLDER``: the jobs of a multirun, where each is and when it ends; ``--watch``: live."""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from salmon.errors import SalmonError
from salmon.runtime.console import escape_unprintable, unread_is_no_error
from salmon.runtime.progress import format_duration
from salmon.runtime.status import read_state
from salmon.runtime.tables import aligned_table
from sweeps.collect import FAILED, FINISHED, INTERRUPTED, NOT_STARTED, REQUEUED, RUNNING, SweepJob, read_sweep

HEADER = ("job", "state", "stage", "step", "left", "reward", "KL", "error")
STATES = (FINISHED, RUNNING, REQUEUED, INTERRUPTED, FAILED, NOT_STARTED)
_CLEAR = "\x1b[2J\x1b[H"


def jobs_table(jobs: Sequence[SweepJob], folder: Path) -> str:
    """A line a job. ``left`` is the running stage's time, ``reward`` of a finished job its last on held-out prompts."""
    lines = aligned_table(HEADER, [_row(job, folder) for job in jobs])
    counts = Counter(job.state for job in jobs)
    states = ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
    return "\n".join([lines, "", f"{len(jobs)} jobs: {states}"])


def _row(job: SweepJob, folder: Path) -> tuple[str, ...]:
    step, left, reward, kl = "", "", "", ""
    if job.progress:
        step = f"{job.progress['done']}/{job.progress['total']} {job.progress['unit']}"
        left = format_duration(job.progress["seconds_left"])
        reward, kl = (_number(job.progress["columns"].get(name)) for name in ("score", "kl"))
    elif job.finished:
        ppo = (read_state(folder / job.name / "results.json") or {}).get("ppo", {})  # it is written last
        reward, kl = _number(ppo.get("held_out/reward_last")), _number(ppo.get("objective/kl"))
    return job.name, job.state, job.stage or "", step, left, reward, kl, " ".join((job.error or "").split())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


@unread_is_no_error()
def main(arguments: Sequence[str] | None = None) -> None:
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m sweeps.status", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the multirun (hydra.sweep.dir)")
    parser.add_argument(
        "--watch",
        type=float,
        nargs="?",
        const=2.0,
        metavar="SECONDS",
        help="show it again every so often (2 s) until no job is left to run",
    )
    options = parser.parse_args(arguments)
    try:
        while True:
            jobs = read_sweep(options.folder)
            print(
                (_CLEAR if options.watch and sys.stdout.isatty() else "") + jobs_table(jobs, options.folder), flush=True
            )
            if not options.watch or not {job.state for job in jobs} & {RUNNING, REQUEUED, NOT_STARTED}:
                return
            time.sleep(options.watch)
    except SalmonError as error:
        sys.exit(f"salmon: {error}")
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
