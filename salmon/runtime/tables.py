"""Tables of text: with aligned columns for a terminal, as Markdown, as LaTeX, and as CSV.

In each function ``header`` has a title for every column, ``rows`` the cells below, and ``right`` the numbers (from 0)
of the columns that are set to the right.
"""

import csv
import io
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

GAP = "  "  # between the columns on a terminal
LATEX = {
    "\\": r"\textbackslash{}",
    "†": r"$\dagger$",
    "±": r"$\pm$",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def aligned_table(
    header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = (), rule: bool = False
) -> str:
    """Columns of equal width, without spaces at the end of a line.

    Args:
        rule: whether dashes stand below the header.
    """
    lines = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if rule:
        lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        GAP.join(
            cell.rjust(width) if number in right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """A table of GitHub's Markdown, without a line break at its end."""
    rule = ["---:" if number in right else "---" for number in range(len(header))]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in (header, rule, *rows)
    )


def latex_table(header: Sequence[str], rows: Iterable[Sequence[str]], right: Collection[int] = ()) -> str:
    """A ``tabular`` with the lines of the package booktabs; cells are escaped."""
    columns = "".join("r" if number in right else "l" for number in range(len(header)))
    head, *body = (" & ".join(map(escape_latex, line)) + r" \\" for line in (header, *rows))
    return "\n".join(
        [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    )


def escape_latex(text: str) -> str:
    """The text with every character that LaTeX would read as a command, or not print, as a command for it."""
    return re.sub("|".join(map(re.escape, LATEX)), lambda found: LATEX[found[0]], text)


def csv_table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Comma-separated lines; numbers unrounded, None as an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
