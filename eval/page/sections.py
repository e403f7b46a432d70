"""The sections of a job's page (``salmon/view``), found by their entry point."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.conclusions import conclusions
from eval.page.charts import interval_chart, matrix_chart
from eval.principle_following import TASK as PRINCIPLE_FOLLOWING
from eval.results import COUNTS, Row
from eval.tables.lines import PublishedComparison, compare_with_published
from eval.tables.measured import RESULTS, MeasuredRow, read_results
from eval.tables.published import load_published
from eval.tables.render import HEADER as PUBLISHED_HEADER
from eval.tables.render import NUMBERS as PUBLISHED_NUMBERS
from eval.tables.render import comparison_cells, comparison_legend
from salmon.runtime.foreign import read_json
from salmon.view.job.record import JobRecord
from salmon.view.obedience import TITLES, obedience_lines
from salmon.view.page import Chart, PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"


def evaluation_sections(job: JobRecord) -> Iterator[PageSection]:
    """Raises ``SalmonError`` where the results of an evaluation are damaged."""
    folders = [stage.folder for stage in job.stages if stage.artifact and (stage.folder / RESULTS).is_file()]
    measured = read_results(folders) if folders else []
    benchmarks = [one for one in measured if one.row.task != PRINCIPLE_FOLLOWING]
    if benchmarks:
        yield _benchmarks(benchmarks)
    following = [one for one in measured if one.row.task == PRINCIPLE_FOLLOWING]
    if following:
        yield _following(following, [chart for folder in folders for chart in _matrices(folder)])


def _benchmarks(measured: Sequence[MeasuredRow]) -> PageSection:
    comparison = _both_known(compare_with_published(load_published(), measured, {}))
    first: dict[str, str] = {}  # metric by task
    for one in sorted(measured, key=lambda one: one.row.metric.startswith(COUNTS)):
        first.setdefault(one.row.task, one.row.metric)
    leading = [one for one in measured if first[one.row.task] == one.row.metric]
    html = fragment(
        TEMPLATES,
        "benchmarks.html",
        charts=list(_interval_charts(leading)),
        leading=_figures("Benchmarks: the first figure of each, in brackets 95 %", leading),
        everything=_figures("Every figure of every benchmark, in brackets 95 %", measured),
        conclusions=conclusions([replace(one.row, checkpoint=one.label) for one in measured]),
        published=_published(comparison),
        legend=comparison_legend(comparison),
        notes=_notes(measured),
    )
    return PageSection("Benchmarks", html)


def _interval_charts(measured: Sequence[MeasuredRow]) -> Iterator[Chart]:
    """Shares, then what is on other scales, such as a judge's marks."""
    shown = [one for one in measured if one.row.value is not None]
    other = {one.row.task for one in shown if not 0 <= (one.row.value or 0.0) <= 1}
    for title, rows in (
        ("Benchmarks, with 95 % intervals", [one for one in shown if one.row.task not in other]),
        ("Benchmarks on other scales", [one for one in shown if one.row.task in other]),
    ):
        if rows:
            yield interval_chart(title, rows)


def _following(measured: Sequence[MeasuredRow], charts: Sequence[Chart]) -> PageSection:
    html = fragment(
        TEMPLATES,
        "following.html",
        obeyed=list(_obeyed(measured)),
        charts=charts,
        everything=_figures("How well preferences follow principles, in brackets 95 %", measured),
        notes=_notes(measured),
    )
    return PageSection("Principle following", html)


def _obeyed(measured: Sequence[MeasuredRow]) -> Iterator[PageTable]:
    for label in dict.fromkeys(one.label for one in measured):
        lines = obedience_lines({one.row.metric: figure(one.row) for one in measured if one.label == label})
        if lines:
            yield PageTable(f"What {label} obeys", list(TITLES), lines, frozenset(range(1, len(TITLES))))


def _matrices(folder: Path) -> Iterator[Chart]:
    for path in sorted(folder.glob(f"*/{PRINCIPLE_FOLLOWING}/report.json")):
        report: Mapping[str, Any] = read_json(path)
        if matrix := report.get("matrix"):
            name = str(report.get("checkpoint", path.parents[1].name))
            yield matrix_chart(f"Which principle does a preference follow? {name}", matrix, matrix["measured"])
            yield matrix_chart("The same of a model that obeys perfectly", matrix, matrix["reference"])


def _figures(caption: str, measured: Sequence[MeasuredRow]) -> PageTable:
    """A line for each metric, a column for each checkpoint."""
    labels = list(dict.fromkeys(one.label for one in measured))
    cells = {(one.row.task, one.row.metric, one.label): figure(one.row) for one in measured}
    lines = list(dict.fromkeys((one.row.task, one.row.metric) for one in measured))
    rows = [[f"{task}/{metric}", *(cells.get((task, metric, label), "") for label in labels)] for task, metric in lines]
    return PageTable(caption, ["metric", *labels], rows, frozenset(range(1, 1 + len(labels))))


def figure(row: Row) -> str:
    """A value with its interval and its number of items."""
    if row.value is None:
        return "not measured"
    if row.metric.startswith(COUNTS):
        return f"{row.value:.0f}"
    interval = "" if row.interval is None else " [{:.3f}, {:.3f}]".format(*row.interval)
    return f"{row.value:.3f}{interval} (n={row.n})"


def _both_known(comparison: PublishedComparison) -> PublishedComparison:
    """The comparison without lines that lack the published value, or ours."""
    lines = [line for line in comparison.lines if line.published and line.value is not None]
    used = {line.origin for line in lines}
    return replace(comparison, lines=lines, origins=[o for o in comparison.origins if o in used], missing=[])


def _published(comparison: PublishedComparison) -> list[PageTable]:
    """The paper's tables, as far as something of ours stands beside their values."""
    return [
        PageTable(f"{table.title}, beside published values", PUBLISHED_HEADER, rows, frozenset(PUBLISHED_NUMBERS))
        for table in comparison.published.tables
        if (rows := [comparison_cells(line) for line in comparison.lines if line.table is table])
    ]


def _notes(measured: Sequence[MeasuredRow]) -> list[str]:
    """How the figures were measured, or why they were not, each once."""
    said: dict[tuple[str, str], list[str]] = {}
    for one in measured:
        said.setdefault((one.row.task, one.row.note), []).append(one.label)
    return [f"{task} of {', '.join(dict.fromkeys(labels))}: {note}" for (task, note), labels in said.items() if note]
