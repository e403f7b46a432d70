"""The figures that a job is judged by, each with its meaning; and all others, folded away."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from salmon.tracking.glossary import find
from salmon.view.job.reached import REACHED, moved_checks, reached_text
from salmon.view.job.record import JobRecord, StageRecord
from salmon.view.page import PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"
HEADER = ("stage", "figure", "value", "unit", "what it is", "of a healthy run")
VALUE = 2  # column


def headline_sections(job: JobRecord) -> Iterator[PageSection]:
    rows = [row for stage in job.stages for row in _rows(stage, list(chain(*REACHED.get(stage.stage, ()))))]
    others = [row for stage in job.stages for row in _rows(stage, list(stage.metrics))]
    if others:
        tables = [
            PageTable("What each stage reached", HEADER, rows, frozenset({VALUE})),
            PageTable("Every final figure", HEADER, others, frozenset({VALUE})),
        ]
        lines = [(s.label, text) for s in job.stages if (text := _line(s))]
        yield PageSection("Headline figures", fragment(TEMPLATES, "headlines.html", lines=lines, tables=tables))


def _line(stage: StageRecord) -> str:
    return ", ".join(text for text in (reached_text(stage.stage, stage.metrics), *moved_checks(stage.metrics)) if text)


def _rows(stage: StageRecord, names: list[str]) -> Iterator[list[str]]:
    for name in names:
        if name in stage.metrics:
            metric = find(name, stage.stage)
            about = (metric.unit, metric.meaning, metric.healthy) if metric else ("", "", "")
            yield [stage.label, name, shown_number(stage.metrics[name]), *about]


def shown_number(value: float | None) -> str:
    """Four significant digits; whole numbers whole."""
    if value is None:
        return "not finite"
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < 1e9 else f"{value:.4g}"
