"""The cells of a study's grid: jobs that differ in nothing but a seed, and the figures that each ended with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from salmon.runtime.store import open_artifact
from salmon.tracking.metrics_file import METRICS, read_metrics
from sweeps.collect import SweepJob
from sweeps.curves import Curve, read_curve
from sweeps.renamed_metrics import current_names
from sweeps.statistics import Estimate, mean_interval

POLICIES = ("ppo", "dpo", "best_of_n")  # stages that make a policy; a job has one of them


@dataclass(frozen=True)
class Cell:
    """``axes``: what was swept, without seeds, by setting; the same settings in every cell of a study."""

    axes: Mapping[str, str]
    jobs: tuple[SweepJob, ...]
    figures: tuple[Mapping[str, float], ...]  # of each job, where it ended; none where it did not finish

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

    def estimate(self, figure: str) -> Estimate:
        """Mean and interval over the jobs that have the figure."""
        return mean_interval([each.get(figure) for each in self.figures])

    def curves(self, metric: str) -> dict[int, Curve]:
        """Of each finished job, by its place in the cell."""
        found = {
            number: read_curve(path, metric)
            for number, job in enumerate(self.jobs)
            if job.finished and (path := policy(job.artifacts)) is not None
        }
        return {number: curve for number, curve in found.items() if curve.values}


def cells_of(jobs: Sequence[SweepJob]) -> list[Cell]:
    """All cells, those too of which no job has begun, in the order of their first jobs."""
    settings = [dict(_setting(override) for override in job.overrides) for job in jobs]
    swept = [
        key
        for key in dict.fromkeys(key for each in settings for key in each)
        if len({each.get(key) for each in settings}) > 1 and key.rpartition(".")[2] != "seed"
    ]
    members: dict[tuple[str, ...], list[SweepJob]] = {}
    for job, each in zip(jobs, settings, strict=True):
        members.setdefault(tuple(each.get(key, "") for key in swept), []).append(job)
    return [
        Cell(dict(zip(swept, values, strict=True)), tuple(group), tuple(map(figures_of, group)))
        for values, group in members.items()
    ]


def figures_of(job: SweepJob) -> dict[str, float]:
    """Where the job ended: the last value of each held-out metric of its policy, and the figures of its evaluations."""
    if not job.finished:
        return {}
    found: dict[str, float] = {}
    path = policy(job.artifacts)
    for row in map(current_names, read_metrics(path / METRICS)) if path is not None else []:
        found |= {name: value for name, value in row.items() if name.startswith("held_out/") and value is not None}
    for label, artifact in job.artifacts.items():
        if label.startswith("eval of "):
            found |= {
                name: value
                for name, value in current_names(open_artifact(artifact).metrics).items()
                if name.startswith("eval/") and value is not None
            }
    return found


def policy(artifacts: Mapping[str, Path]) -> Path | None:
    """Of a job's artifacts by label, that of the policy that it made or used."""
    return next((artifacts[stage] for stage in POLICIES if stage in artifacts), None)


def frame(cells: Sequence[Cell]) -> pd.DataFrame:
    """A row a job: axes, job, state, error, and every figure that any job has (empty where this one has not)."""
    rows = [
        {**cell.axes, "job": job.name, "state": job.state, "error": job.error, **figures}
        for cell in cells
        for job, figures in zip(cell.jobs, cell.figures, strict=True)
    ]
    return pd.DataFrame(rows)


def _setting(override: str) -> tuple[str, str]:
    key, _, value = override.partition("=")
    return key.lstrip("+~"), value
