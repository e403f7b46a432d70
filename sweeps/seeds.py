"""Which seed a job has, and what a study's seeds allow to say."""

from collections.abc import Mapping, Sequence

from salmon.config.overrides import is_seed, split_override
from sweeps.collect import SweepJob

NO_SEEDS = (
    "No seed is swept, so every cell is one run (n = 1): no interval tells what the settings did from chance. "
    "Sweep one as well, for instance ppo.seed=0,1,2; finished jobs of the same seed are found in the store"
)


def seed_label(job: SweepJob) -> str:
    """The seeds that the job was given, as one text; empty where it was given none."""
    seeds = sorted((key, value) for key, value in map(split_override, job.overrides) if is_seed(key))
    return seeds[0][1] if len(seeds) == 1 else ", ".join(f"{key}={value}" for key, value in seeds)


def sweeps_a_seed(jobs: Sequence[Sequence[str]]) -> bool:
    """Whether jobs, each told by its overrides, differ in a seed."""
    values: dict[str, set[str]] = {}
    for key, value in (split_override(override) for overrides in jobs for override in overrides):
        values.setdefault(key, set()).add(value)
    return any(is_seed(key) and len(found) > 1 for key, found in values.items())


def seed_notes(jobs: Sequence[SweepJob], finished: Mapping[str, Sequence[str]]) -> list[str]:
    """What a reader must know before comparing.

    Args:
        jobs: of the study.
        finished: seeds of the finished jobs of each cell or arm.
    """
    if not sweeps_a_seed([job.overrides for job in jobs]):
        return [f"{NO_SEEDS}."] if len(jobs) > 1 else []
    planned = dict.fromkeys(label for job in jobs if (label := seed_label(job)))
    absent = [seed for seed in planned if not any(seed in seeds for seeds in finished.values())]
    notes = [f"No finished job has seed {', '.join(absent)}."] if absent and any(finished.values()) else []
    cells_with: dict[str, list[str]] = {}
    for cell, seeds in finished.items():
        cells_with.setdefault(", ".join(sorted(seeds)) or "none", []).append(cell)
    if len(cells_with) < 2:
        return notes
    sets = "; ".join(f"{seeds} ({_some(cells)})" for seeds, cells in cells_with.items())
    return [
        *notes,
        f"The finished seeds differ: {sets}. Means are over each one's own seeds. Differences are over the seeds "
        "that both have, and where they share none, between the means.",
    ]


def _some(names: Sequence[str], shown: int = 3) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return "; ".join(names[:shown]) + more
