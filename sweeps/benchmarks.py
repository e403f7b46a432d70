"""Evaluations of a sweep's checkpoints: those that its jobs made, or benchmarks that were run on the finished sweep.

``python -m eval sweep=FOLDER`` writes the second kind::

    <sweep>/benchmarks/<stage>-<fingerprint>/results.json    of one artifact; jobs that share it share the figures
    <sweep>/benchmarks/<stage>-<fingerprint>/metrics.json    its metrics by name, as the stage eval has them
"""

import math
from collections.abc import Mapping
from pathlib import Path

from salmon.runtime.artifact import open_artifact
from salmon.runtime.files import write_json_atomic
from salmon.runtime.foreign import read_json
from sweeps.collect import SweepJob
from sweeps.renamed_metrics import current_names

_FOLDER = "benchmarks"
_FIGURES = "metrics.json"
_IN_THE_JOB = "eval of "  # how the labels of the evaluations begin that a job made itself


def benchmarks_folder(sweep: Path, artifact: Path) -> Path:
    """Where the benchmarks of one artifact of a sweep are."""
    return sweep / _FOLDER / f"{artifact.parent.name}-{artifact.name}"


def write_figures(folder: Path, metrics: Mapping[str, float]) -> None:
    """What reports read of the benchmarks of one artifact; written when they are whole."""
    write_json_atomic(folder / _FIGURES, dict(metrics))


def has_figures(folder: Path) -> bool:
    """Whether the benchmarks of an artifact are whole."""
    return (folder / _FIGURES).is_file()


def forget_figures(folder: Path) -> None:
    """Leave the benchmarks of an artifact out of reports, until they are written again."""
    (folder / _FIGURES).unlink(missing_ok=True)


def evaluations(job: SweepJob) -> list[Path]:
    """Folders of the evaluations of a job's checkpoints: those of the sweep's own benchmarks.

    Where the sweep has none, those that its jobs made. The two are never mixed: they may be of different suites.
    """
    sweep = job.folder.parent if job.folder else None
    if sweep is not None and (sweep / _FOLDER).is_dir():
        folders = [benchmarks_folder(sweep, path) for path in job.artifacts.values()]
        return [folder for folder in dict.fromkeys(folders) if has_figures(folder)]
    return [path for label, path in job.artifacts.items() if label.startswith(_IN_THE_JOB)]


def evaluated(folder: Path) -> dict[str, float]:
    """The finite figures of an evaluation by today's names, ``eval/<checkpoint>/<task>/<metric>``."""
    metrics: Mapping[str, float | None] = (
        read_json(folder / _FIGURES) if has_figures(folder) else open_artifact(folder).metrics
    )
    return {
        name: value
        for name, value in current_names(metrics).items()
        if name.startswith("eval/") and value is not None and math.isfinite(value)
    }
