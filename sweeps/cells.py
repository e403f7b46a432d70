"""The cells of a study's grid: jobs that differ in nothing but a seed, and the figures that each ended with."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from salmon.config.overrides import is_seed, split_override
from sweeps.benchmarks import evaluated, evaluations
from sweeps.collect import SweepJob
from sweeps.curves import Curve, read_curve, read_curves
from sweeps.seeds import seed_label
from sweeps.statistics import Estimate, mean_interval

POLICIES = ("ppo", "dpo", "best_of_n")  # stages that make a policy; a job has one of them


@dataclass(frozen=True)
class Measured:
    """A figure, and the artifact that it was read from."""

    value: float
    source: Path


@dataclass(frozen=True)
class Cell:
    """``axes``: what was swept, without seeds, by setting; the same settings in every cell of a study."""

    axes: Mapping[str, str]
    jobs: tuple[SweepJob, ...]
    figures: tuple[Mapping[str, Measured], ...]  # of each job, where it ended; none where it did not finish

    @property
    def name(self) -> str:
        return ", ".join(self.axes.values()) or "all"

    @property
    def finished(self) -> int:
        return sum(job.finished for job in self.jobs)

    @property
    def seeds(self) -> str:
        """How many of its jobs the figures are about."""
        return f"{self.finished} of {len(self.jobs)}"

    @property
    def finished_seeds(self) -> list[str]:
        return [seed_label(job) for job in self.jobs if job.finished]

    def by_seed(self, figure: str) -> dict[str, Measured]:
        """The figure of every job that has it, also where jobs share what was measured."""
        return {
            seed_label(job): each[figure] for job, each in zip(self.jobs, self.figures, strict=True) if figure in each
        }

    def distinct(self, figure: str) -> list[float]:
        """A value for each artifact that was measured: seeds that share one, as all share an SFT policy, count once."""
        return list({one.source: one.value for one in self.by_seed(figure).values()}.values())

    def estimate(self, figure: str) -> Estimate:
        """Mean and interval over the measurements of the figure."""
        return mean_interval(self.distinct(figure))

    @property
    def policies(self) -> dict[str, Path]:
        """Of each finished job the policy, by its seed; one that several seeds share once."""
        found: dict[Path, str] = {}
        for job in self.jobs:
            if job.finished and (path := policy(job.artifacts)) is not None:
                found.setdefault(path, seed_label(job))
        return {seed: path for path, seed in found.items()}

    def curves(self, metric: str) -> dict[str, Curve]:
        """Of each policy that logged the metric, by seed."""
        found = {seed: read_curve(path, metric) for seed, path in self.policies.items()}
        return {seed: curve for seed, curve in found.items() if curve.values}


def cells_of(jobs: Sequence[SweepJob]) -> list[Cell]:
    """All cells, those too of which no job has begun, in the order of their first jobs."""
    settings = [dict(map(split_override, job.overrides)) for job in jobs]
    swept = [
        key
        for key in dict.fromkeys(key for each in settings for key in each)
        if len({each.get(key) for each in settings}) > 1 and not is_seed(key)
    ]
    members: dict[tuple[str, ...], list[SweepJob]] = {}
    for job, each in zip(jobs, settings, strict=True):
        members.setdefault(tuple(each.get(key, "") for key in swept), []).append(job)
    return [
        Cell(dict(zip(swept, values, strict=True)), tuple(group), tuple(map(figures_of, group)))
        for values, group in members.items()
    ]


def figures_of(job: SweepJob) -> dict[str, Measured]:
    """Where the job ended: the last value of each held-out metric of its policy, and the figures of its evaluations.

    What was not finite in the end is missing.
    """
    if not job.finished:
        return {}
    found: dict[str, Measured] = {}
    path = policy(job.artifacts)
    if path is not None:
        for name, curve in read_curves(path).items():
            if name.startswith("held_out/") and curve.end is not None and math.isfinite(curve.end):
                found[name] = Measured(curve.end, path)
    for folder in evaluations(job):
        found |= {name: Measured(value, folder) for name, value in evaluated(folder).items()}
    return found


def policy(artifacts: Mapping[str, Path]) -> Path | None:
    """Of a job's artifacts by label, that of the policy that it made or used."""
    return next((artifacts[stage] for stage in POLICIES if stage in artifacts), None)


def frame(cells: Sequence[Cell]) -> pd.DataFrame:
    """A row a job: axes, job, state, error, and every figure that any job has (empty where this one has not)."""
    rows = [
        {
            **cell.axes,
            "job": job.name,
            "state": job.state,
            "error": job.error,
            **{name: one.value for name, one in figures.items()},
        }
        for cell in cells
        for job, figures in zip(cell.jobs, cell.figures, strict=True)
    ]
    return pd.DataFrame(rows)
