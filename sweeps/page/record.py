"""A study as its page needs it: read once, with the statistics and the files of its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import OmegaConf

from salmon.config.overrides import is_seed
from salmon.config.walk import plain_settings
from sweeps.cells import Cell, cells_of, frame
from sweeps.collect import SweepJob, read_plan, read_sweep
from sweeps.reports.kinds import REPORTS, settings_of
from sweeps.reports.study import columns, rank_sentences, study_files
from sweeps.statistics import Estimate

NO_SETTING = ("paths", "hydra", "name", "tracking", "launch")  # where files lie and what runs are called


@dataclass(frozen=True)
class StudyRecord:
    folder: Path
    name: str
    jobs: Sequence[SweepJob]
    cells: Sequence[Cell]
    figures: Sequence[str]  # worth a column, as in the report
    estimates: Sequence[Mapping[str, Estimate]]  # of each cell, by figure
    files: Mapping[str, str]  # report.csv, report.tex
    ranks: Sequence[str]  # what the intervals allow to say of the highest means
    command: Sequence[str]  # words after "salmon -m" that make it again
    kind: str  # of the report
    report: str | None  # its text, where its kind has more to say than this page


def read_study(folder: Path) -> StudyRecord:
    """Raises ``SalmonError`` where the folder is no multirun's, or has no job."""
    plan = read_plan(folder)
    jobs = read_sweep(folder)
    cells = cells_of(jobs)
    figures = columns(frame(cells))
    task, own = (list(OmegaConf.select(plan, f"hydra.overrides.{key}") or ()) for key in ("task", "hydra"))
    settings = settings_of(folder)
    name = next((word.partition("=")[2] for word in task if word.startswith(("+sweeps=", "+experiment="))), folder.name)
    estimates = [{figure: cell.estimate(figure) for figure in figures} for cell in cells]
    return StudyRecord(
        folder,
        name,
        jobs,
        cells,
        figures,
        estimates,
        study_files(cells),
        rank_sentences(cells, {cell.name: each for cell, each in zip(cells, estimates, strict=True)}, figures),
        [*task, *(word for word in own if not word.startswith("hydra.mode="))],
        settings.kind,
        None if settings.kind == "study" else REPORTS[settings.kind](jobs, settings).summary,
    )


def differing(cells: Sequence[Cell]) -> tuple[list[str], list[list[str]]]:
    """The settings in which the cells differ, seeds left out, and of each cell its values ("" where it never began)."""
    settings = [_settings(cell) for cell in cells]
    known = [each for each in settings if each]
    keys = dict.fromkeys(key for each in known for key in each)
    shown = [key for key in keys if len({str(each.get(key)) for each in known}) > 1]
    return shown, [[str(each.get(key, "")) for key in shown] for each in settings]


def _settings(cell: Cell) -> dict[str, object]:
    """Of the cell's first job that began, without what repeats it."""
    config = next((job.config for job in cell.jobs if job.config), None)
    if config is None:
        return {}
    parts = OmegaConf.masked_copy(config, [str(key) for key in config if key not in NO_SETTING])
    plain = OmegaConf.to_container(parts, resolve=True)
    assert isinstance(plain, dict)
    return {key: value for key, value in plain_settings(plain).items() if not is_seed(key)}
