"""The comparison as Markdown, LaTeX or CSV."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from eval.tables.lines import Comparison, Line

UNLIKE = "†"
HEADER = ("model", "metric", "published", "checkpoint", "ours", "difference", "95 % interval", "n")
NUMBERS = HEADER[2:3] + HEADER[4:]  # set to the right
LATEX = {
    "\\": r"\textbackslash{}",
    "†": r"$\dagger$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}


@dataclass(frozen=True)
class Section:
    """One table as text, and what has to be known to read it."""

    title: str
    rows: list[list[str]]
    notes: list[str]


def markdown(comparison: Comparison) -> str:
    """A table for each of the paper's, with its notes; then the legend of all marks."""
    parts = []
    for section in _sections(comparison):
        lines = [HEADER, ["---:" if name in NUMBERS else "---" for name in HEADER], *section.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        parts += [f"## {section.title}", table, *section.notes]
    return "\n\n".join([*parts, "\n".join(f"- {line}" for line in _legend(comparison))]) + "\n"


def latex(comparison: Comparison) -> str:
    """The same with booktabs tables."""
    columns = "".join("r" if name in NUMBERS else "l" for name in HEADER)
    parts = []
    for section in _sections(comparison):
        rows = [" & ".join(map(_escaped, row)) + r" \\" for row in section.rows]
        head = " & ".join(map(_escaped, HEADER)) + r" \\"
        body = "\n".join([r"\toprule", head, r"\midrule", *rows, r"\bottomrule"])
        table = f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}"
        parts += [rf"\subsection*{{{_escaped(section.title)}}}", table, *map(_escaped, section.notes)]
    # The empty group keeps a mark in brackets from being taken for the item's label.
    items = "\n".join(rf"\item {{}}{_escaped(line)}" for line in _legend(comparison))
    return "\n\n".join([*parts, f"\\begin{{itemize}}\n{items}\n\\end{{itemize}}"]) + "\n"


def as_csv(comparison: Comparison) -> str:
    """One table of all lines; numbers unrounded, an empty cell where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
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
            "n",
            "not_as_published",
            "provenance",
        ]
    )
    for line in comparison.lines:
        low, high = line.interval or (None, None)
        published, source = (line.published.value, line.published.source.text) if line.published else (None, None)
        unlike, origin = ("; ".join(line.origin.unlike_published), line.origin.text) if line.origin else (None, None)
        writer.writerow(
            [
                line.table.title,
                line.model,
                line.metric.title,
                published,
                source,
                line.checkpoint,
                line.value,
                line.difference,
                low,
                high,
                line.n,
                unlike,
                origin,
            ]
        )
    return text.getvalue()


FORMATS: dict[str, Callable[[Comparison], str]] = {"markdown": markdown, "latex": latex, "csv": as_csv}


def _sections(comparison: Comparison) -> list[Section]:
    return [
        Section(
            table.title,
            [_cells(line) for line in comparison.lines if line.table is table],
            [table.note] if table.note else [],
        )
        for table in comparison.published.tables
    ]


def _cells(line: Line) -> list[str]:
    digits = line.metric.digits
    published = f"{line.published.value:.{digits}f} [{line.published.source.mark}]" if line.published else ""
    if line.value is None or line.origin is None:
        return [line.model, line.metric.title, published, "", "", "", "", ""]
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
    ]


def _legend(comparison: Comparison) -> list[str]:
    shown = {line.published.source for line in comparison.lines if line.published}
    lines = [f"[{source.mark}] {source.text}." for source in comparison.published.sources if source in shown]
    lines += [_origin_line(origin.mark, origin.text, origin.unlike_published) for origin in comparison.origins]
    if any(line.origin and line.origin.unlike_published and line.difference is not None for line in comparison.lines):
        lines.append(f"{UNLIKE} not measured as the published value was: the difference is between unlike figures.")
    return lines + [f"Not measured: {reason}" for reason in comparison.missing]


def _origin_line(mark: str, text: str, unlike: Sequence[str]) -> str:
    return f"[{mark}] {text}." + (f" Not as published: {'; '.join(unlike)}." if unlike else "")


def _escaped(text: str) -> str:
    return re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found[0]], text)
