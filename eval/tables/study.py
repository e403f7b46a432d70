"""The benchmarks of a study: a figure over the seeds of a cell, where a job alone has a figure of one seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.provenance import Provenance
from eval.results import Row
from eval.tables.measured import RESULTS, MeasuredRow, facts_of, said_facts, weights_of
from salmon.errors import SalmonError
from salmon.runtime.foreign import read_json
from sweeps.benchmarks import evaluations
from sweeps.cells import Cell, cells_of
from sweeps.collect import SweepJob, read_sweep
from sweeps.seeds import seed_label, seed_notes
from sweeps.statistics import mean_interval

_MULTIRUN = "multirun.yaml"  # what tells the folder of a study


@dataclass(frozen=True)
class StudyFigures:
    """What a study measured, and what a reader must know of it."""

    rows: list[MeasuredRow]
    notes: list[str]


@dataclass(frozen=True)
class _Figure:
    """One figure of one evaluation."""

    row: Row
    source: Path
    facts: Mapping[str, str]


@dataclass(frozen=True)
class _Key:
    """What the figures that are averaged have in common."""

    sources: frozenset[Path]
    checkpoint: str
    task: str
    metric: str
    how: Provenance | None


def is_study(folder: Path) -> bool:
    """Whether the folder is that of a multirun."""
    return (folder / _MULTIRUN).is_file()


def study_figures(folder: Path) -> StudyFigures:
    """Every figure of the study's evaluations, over the seeds of each cell.

    What several cells share, such as the policy of one SFT stage, is one figure. Seeds that share an evaluation are one
    measurement.

    Raises:
        SalmonError: no job of the study has finished, or none has an evaluation.
    """
    jobs = read_sweep(folder)
    if not any(job.finished for job in jobs):
        raise SalmonError(f"{folder}: no job of this study has finished; python -m sweeps.status {folder} says why")
    cells = cells_of(jobs)
    found: dict[_Key, tuple[list[Cell], list[_Figure]]] = {}
    for cell in cells:
        for key, figures in _of_cell(cell).items():
            found.setdefault(key, ([], figures))[0].append(cell)
    if not found:
        raise SalmonError(
            f"{folder}: its finished jobs have no evaluation. Measure their policies: python -m eval sweep={folder}"
        )
    rows = [_mean(key, members, figures) for key, (members, figures) in found.items()]
    return StudyFigures(
        rows, [*_unfinished(jobs), *seed_notes(jobs, {cell.name: cell.finished_seeds for cell in cells})]
    )


def _of_cell(cell: Cell) -> dict[_Key, list[_Figure]]:
    """The figures of a cell by what they are about."""
    groups: dict[tuple[str, str, str, Provenance | None], dict[Path, _Figure]] = {}
    for job in cell.jobs:
        for source, content in _results(job):
            for row in (Row.of(each) for each in content.get("rows", ())):
                facts = {**facts_of(content, row.checkpoint), "training seed": seed_label(job) or "not swept"}
                group = groups.setdefault((row.checkpoint, row.task, row.metric, row.provenance), {})
                group.setdefault(source, _Figure(row, source, facts))
    return {_Key(frozenset(group), *about): list(group.values()) for about, group in groups.items()}


def _results(job: SweepJob) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for place in evaluations(job):
        if (place / RESULTS).is_file():
            content = read_json(place / RESULTS, None)
            if isinstance(content, dict):
                yield (place / RESULTS).resolve(), content


def _mean(key: _Key, cells: Sequence[Cell], figures: Sequence[_Figure]) -> MeasuredRow:
    shared = set.intersection(*({*cell.axes.items()} for cell in cells))
    axes = [value for axis, value in cells[0].axes.items() if (axis, value) in shared]
    facts = [one.facts for one in figures]
    row, count = figures[0].row, len([one for one in figures if one.row.value is not None])
    if count > 1:
        mean = mean_interval([one.row.value for one in figures])
        row = replace(row, value=mean.mean, stderr=None, low=mean.low, high=mean.high, items=None)
    return MeasuredRow(
        ", ".join([key.checkpoint, *axes]),
        row,
        tuple(one.source for one in figures),
        said_facts(facts),
        count,
        weights_of(facts),
    )


def _unfinished(jobs: Sequence[SweepJob]) -> list[str]:
    """The jobs that are in no mean."""
    return [f"{job.name}: {job.state}" + (f", {job.error}" if job.error else "") for job in jobs if not job.finished]
