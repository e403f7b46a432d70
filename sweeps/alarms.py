"""``python -m sweeps.alarms FOLDER ... --hacked ARM``: hits and false alarms of PPO's sentinel, over multiruns.

A run of a hacked arm is a hit if its first alarm is before its last update; any alarm of another run is a false one.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from salmon.errors import SalmonError
from salmon.ppo.sentinel import ALARM
from salmon.runtime.console import escape_unprintable, unread_is_no_error
from salmon.runtime.tables import markdown_table
from sweeps.arms import Arm, group_by_arm
from sweeps.collect import read_sweep
from sweeps.curves import read_curve, read_table
from sweeps.report import settings_of

HEADER = ("multirun", "arm", "seed", "updates", "score, first → last", "first alarm", "why")


@dataclass(frozen=True)
class WatchedRun:
    """One PPO run that the sentinel watched."""

    sweep: str
    arm: str
    seed: int
    updates: int
    scores: tuple[float, float]  # of the first and the last update
    first_alarm: int | None  # updates done at it
    reasons: tuple[str, ...]  # of the samples shown with it

    @property
    def hit(self) -> bool:
        return self.first_alarm is not None and self.first_alarm < self.updates


def watched_runs(folder: Path) -> list[WatchedRun]:
    """The finished PPO runs of a multirun.

    Raises:
        SalmonError: the folder is no multirun's, or no run in it was watched.
    """
    arms = group_by_arm(read_sweep(folder), settings_of(folder))
    found = [run for arm in arms for run in _of_arm(folder.name, arm)]
    if not found:
        raise SalmonError(f"{folder}: no finished PPO run logged {ALARM}: ppo.sentinel was off, or none has finished")
    return found


def _of_arm(sweep: str, arm: Arm) -> Iterator[WatchedRun]:
    for seed, artifact in arm.artifacts("ppo").items():
        alarms, scores = (read_curve(artifact, name).values for name in (ALARM, "objective/score"))
        if not alarms or not scores:
            continue
        first = next((step for step, alarm in alarms.items() if alarm), None)
        reasons = dict.fromkeys(row["reason"] for row in read_table(artifact, "alarms", last=False))
        ends = scores[min(scores)], scores[max(scores)]
        yield WatchedRun(sweep, arm.name, seed, max(alarms), ends, first, tuple(reasons))


def alarms_table(runs: Sequence[WatchedRun], hacked: Sequence[str]) -> str:
    """A line a run, and how many were right.

    Raises:
        SalmonError: none of the runs is of a hacked arm that is named.
    """
    names = dict.fromkeys(run.arm for run in runs)
    if missing := [name for name in hacked if name not in names]:
        raise SalmonError(f"--hacked {', '.join(missing)}: there is no such arm; there are {', '.join(names)}")
    rows = [
        [
            run.sweep,
            run.arm,
            str(run.seed),
            str(run.updates),
            f"{run.scores[0]:.3g} → {run.scores[1]:.3g}",
            "none" if run.first_alarm is None else str(run.first_alarm),
            "; ".join(run.reasons),
        ]
        for run in runs
    ]
    hits = [run.hit for run in runs if run.arm in hacked]
    false = [run.first_alarm is not None for run in runs if run.arm not in hacked]
    counts = f"Hits: {sum(hits)} of {len(hits)}. False alarms: {sum(false)} of {len(false)}."
    return f"{markdown_table(list(HEADER), rows)}\n\n{counts}"


@unread_is_no_error()
def main(arguments: Sequence[str] | None = None) -> None:
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m sweeps.alarms", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="folder of a multirun")
    parser.add_argument("--hacked", action="append", default=[], metavar="ARM", help="an arm that is known to hack")
    options = parser.parse_args(arguments)
    try:
        print(alarms_table([run for folder in options.folders for run in watched_runs(folder)], options.hacked))
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


if __name__ == "__main__":
    main()
