"""Jobs by arm (what was varied) and seed (what was repeated), and what was measured of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from sweeps.collect import NOT_STARTED, SweepJob
from sweeps.curves import Curve, read_curve
from sweeps.settings import ReportSettings
from sweeps.statistics import Estimate, mean_interval


@dataclass(frozen=True)
class Arm:
    name: str
    asked: tuple[str, ...]  # principles asked for by name (principles.include); none: a control, or a whole bank
    jobs: Mapping[int, SweepJob]  # by seed, in every state

    @property
    def finished(self) -> dict[int, SweepJob]:
        return {seed: job for seed, job in self.jobs.items() if job.finished}

    @property
    def seeds(self) -> str:
        """How many of the arm's jobs the figures are about."""
        return f"{len(self.finished)} of {len(self.jobs)}"

    def artifacts(self, label: str) -> dict[int, Path]:
        """The artifact of a stage by seed, of the jobs that made or used one."""
        return {seed: job.artifacts[label] for seed, job in self.finished.items() if label in job.artifacts}

    def measure(self, metric: str, stage: str = "ppo") -> "ArmMetric":
        """Seeds that share an artifact, since the stage does not depend on the seed, are one measurement."""
        of_path: dict[Path, int] = {}
        for seed, path in self.artifacts(stage).items():
            of_path.setdefault(path, seed)
        curves = {seed: read_curve(path, metric) for path, seed in of_path.items()}
        return ArmMetric(metric, {seed: curve for seed, curve in curves.items() if curve.values})


@dataclass(frozen=True)
class ArmMetric:
    """One metric of one arm: a curve for each seed that has it."""

    metric: str
    curves: Mapping[int, Curve]

    @property
    def start(self) -> Estimate:
        return mean_interval([curve.start for curve in self.curves.values()])

    @property
    def end(self) -> Estimate:
        return mean_interval([curve.end for curve in self.curves.values()])

    @property
    def change(self) -> Estimate:
        """Last minus first of each seed, then the mean: what differs between seeds before training cancels."""
        return mean_interval([curve.change for curve in self.curves.values()])

    @property
    def ends(self) -> dict[int, float | None]:
        return {seed: curve.end for seed, curve in self.curves.items()}

    @property
    def changes(self) -> dict[int, float | None]:
        return {seed: curve.change for seed, curve in self.curves.items()}


def group_by_arm(jobs: Sequence[SweepJob], settings: ReportSettings) -> list[Arm]:
    """Arms in the order of their first jobs; a job that never started has no config, so it is in none.

    Raises:
        SalmonError: a key is not in the config, or two jobs have the same arm and seed.
    """
    arms: dict[str, dict[int, SweepJob]] = {}
    for job in (job for job in jobs if job.state != NOT_STARTED):
        name = ", ".join(str(_required(job, key)) for key in settings.arm)
        seed = _required(job, settings.seed)
        if other := arms.setdefault(name, {}).get(seed):
            raise SalmonError(
                f"jobs {other.name} and {job.name} are both arm {name!r} with {settings.seed}={seed}. "
                "Give the callback's option arm the keys that tell them apart, as a list"
            )
        arms[name][seed] = job
    return [
        Arm(name, asked_of(next(iter(by_seed.values()))), dict(sorted(by_seed.items())))
        for name, by_seed in arms.items()
    ]


def asked_of(job: SweepJob) -> tuple[str, ...]:
    return tuple(job.value("principles.include") or ()) if job.value("principles.rl") else ()


def _required(job: SweepJob, key: str) -> Any:
    value = job.value(key)
    if value is None:
        raise SalmonError(
            f"job {job.name}: its config has no {key}; the callback's options arm and seed name dotted "
            "keys of the config (hydra.runtime.choices.GROUP for the choice of a group)"
        )
    return value
