"""The comparison as Markdown, LaTeX or CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from eval.tables.lines import ComparisonLine, PublishedComparison
from salmon.runtime.tables import csv_table, escape_latex, latex_table, markdown_table

UNLIKE = "†"
HEADER = ("model", "metric", "published", "checkpoint", "ours", "difference", "95 % interval", "items", "over")
ONE_SEED = (
    "n = 1 seed: one training run. Its interval is over the benchmark's items and says nothing of what another seed of "
    "the same training would reach."
)
NUMBERS = (2, 4, 5, 6, 7)  # columns that are set to the right


@dataclass(frozen=True)
class Section:
    """One table as text, and what has to be known to read it."""

    title: str
    rows: list[list[str]]
    notes: list[str]


def comparison_markdown(comparison: PublishedComparison) -> str:
    """A table for each of the paper's, with its notes; then the legend of all marks."""
    parts = []
    for section in _sections(comparison):
        table = markdown_table(HEADER, section.rows, right=NUMBERS)
        parts += [f"## {section.title}", table, *section.notes]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in comparison_legend(comparison))]) + "\n"


def comparison_latex(comparison: PublishedComparison) -> str:
    """The same with booktabs tables."""
    parts = []
    for section in _sections(comparison):
        table = latex_table(HEADER, section.rows, right=NUMBERS)
        parts += [rf"\subsection*{{{escape_latex(section.title)}}}", table, *map(escape_latex, section.notes)]
    # The empty group keeps a mark in brackets from being taken for the item's label.
    items = "\n".join(rf"\item {{}}{escape_latex(line)}" for line in comparison_legend(comparison))
    return "\n\n".join([*parts, f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"]) + "\n"


def comparison_csv(comparison: PublishedComparison) -> str:
    """One table of all lines; numbers as in the other formats, an empty cell where there is none."""
    return csv_table(
        [
            "table",
            "model",
            "metric",
            "published",
            "published_source",
            "checkpoint",
            "ours",
            "difference",
            "low",
            "high",
            "items",
            "over",
            "not_as_published",
            "provenance",
        ],
        map(_csv_line, comparison.lines),
    )


def _csv_line(line: ComparisonLine) -> list[Any]:
    low, high = line.interval or (None, None)
    published, source = (line.published.value, line.published.source.text) if line.published else (None, None)
    number, signed = f".{line.metric.digits}f", f"+.{line.metric.digits}f"
    unlike, origin = ("; ".join(line.origin.unlike_published), line.origin.text) if line.origin else (None, None)
    return [
        line.table.title,
        line.model,
        line.metric.title,
        _shown(published, number),
        source,
        line.checkpoint,
        _shown(line.value, number),
        _shown(line.difference, signed),
        _shown(low, number),
        _shown(high, number),
        line.n,
        line.over,
        unlike,
        origin,
    ]


def _shown(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


FORMATS: dict[str, Callable[[PublishedComparison], str]] = {
    "markdown": comparison_markdown,
    "latex": comparison_latex,
    "csv": comparison_csv,
}


def _sections(comparison: PublishedComparison) -> list[Section]:
    return [
        Section(
            table.title,
            [comparison_cells(line) for line in comparison.lines if line.table is table],
            [table.note] if table.note else [],
        )
        for table in comparison.published.tables
    ]


def comparison_cells(line: ComparisonLine) -> list[str]:
    """A line below ``HEADER``."""
    digits = line.metric.digits
    published = f"{line.published.value:.{digits}f} [{line.published.source.mark}]" if line.published else ""
    if line.value is None or line.origin is None:
        return [line.model, line.metric.title, published, "", "", "", "", "", ""]
    difference = "" if line.difference is None else f"{line.difference:+.{digits}f}"
    mark = UNLIKE if difference and line.origin.unlike_published else ""
    interval = "" if line.interval is None else f"{line.interval[0]:.{digits}f} to {line.interval[1]:.{digits}f}"
    return [
        line.model,
        line.metric.title,
        published,
        line.checkpoint or "",
        f"{line.value:.{digits}f} [{line.origin.mark}]",
        difference + mark,
        interval,
        str(line.n),
        line.over,
    ]


def comparison_legend(comparison: PublishedComparison) -> list[str]:
    """What the marks of all lines mean, and what was not measured."""
    shown = {line.published.source for line in comparison.lines if line.published}
    lines = [f"[{source.mark}] {source.text}." for source in comparison.published.sources if source in shown]
    lines += [_origin_line(origin.mark, origin.text, origin.unlike_published) for origin in comparison.origins]
    if any(line.origin and line.origin.unlike_published and line.difference is not None for line in comparison.lines):
        lines.append(f"{UNLIKE} not measured as the published value was: the difference is between unlike figures.")
    if any(line.seeds == 1 for line in comparison.lines):
        lines.append(ONE_SEED)
    return lines + [f"Not measured: {reason}" for reason in comparison.missing] + comparison.notes


def _origin_line(mark: str, text: str, unlike: Sequence[str]) -> str:
    return f"[{mark}] {text}." + (f" Not as published: {'; '.join(unlike)}." if unlike else "")
