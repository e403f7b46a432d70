"""What a page is made of, before it is HTML: sections with tables and charts, and the columns that the charts share."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

MOST_IN_A_COLUMN = 7  # traces of a chart that stands beside others
DIGITS = 6  # significant ones of a number in a column: more than a screen shows, and a third of the bytes


@dataclass(frozen=True)
class PageTable:
    """A table with a caption, which also stands in for a chart where that cannot be seen."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]  # the first cell of each is its heading
    right: frozenset[int] = frozenset()  # numbers (from 0) of the columns that are set to the right


@dataclass(frozen=True)
class ChartAxis:
    """An x axis that the reader can choose: a page with several charts has one choice for all of them."""

    name: str  # in the link that keeps the choice: "update", "time"
    title: str  # of the axis: "PPO updates"
    columns: Sequence[str]  # of each trace, the name of the page's column


@dataclass(frozen=True)
class Chart:
    """A figure of plotly's: traces and layout as its JSON has them.

    Wherever a trace takes a list, ``column_ref(NAME)`` stands for a column of the page, which is then there once.
    """

    title: str
    summary: str  # what the chart shows, for a reader who does not see it
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    axes: Sequence[ChartAxis] = ()
    table: PageTable | None = None

    @property
    def wide(self) -> bool:
        """Whether it needs the width of the page: its legend is long, or it says so by the height of its layout."""
        return len(self.traces) > MOST_IN_A_COLUMN or "height" in self.layout

    @property
    def data(self) -> dict[str, Any]:
        """What the page's script draws it from."""
        axes = {axis.name: {"title": axis.title, "columns": list(axis.columns)} for axis in self.axes}
        return {"traces": list(self.traces), "layout": dict(self.layout), "axes": axes}


@dataclass(frozen=True)
class PageSection:
    """A part of a page with a heading, whose HTML its owner made with ``salmon.view.render.fragment``."""

    title: str
    html: Markup
    columns: Mapping[str, Sequence[float | str | None]] = field(default_factory=dict)  # that its charts name

    @property
    def anchor(self) -> str:
        """Its name within a link to the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    title: str
    subtitle: str
    sections: Sequence[PageSection]
    notices: Sequence[str] = ()  # what a reader must know first: it failed, it still runs, something is missing
    columns: Mapping[str, Sequence[float | str | None]] = field(default_factory=dict)
    scripts: Sequence[str] = ()  # further scripts, which run after the page's own and use its ``salmon``

    @property
    def all_columns(self) -> dict[str, Sequence[float | str | None]]:
        """The columns that any of its charts may name."""
        return {**self.columns, **{name: values for part in self.sections for name, values in part.columns.items()}}


@dataclass(frozen=True)
class PageKind:
    """A kind of folder that has a page."""

    name: str  # as messages say it: "a job"
    takes: Callable[[Path], bool]  # whether a folder is of this kind
    page: Callable[[Path], Page]  # raises ``SalmonError`` where something that it cannot do without is damaged
    file: Callable[[Path], Path]  # where the page of a folder is written


def column_ref(name: str) -> dict[str, str]:
    """A reference to a column of the page, within a trace."""
    return {"column": name}


def numbers(values: Iterable[object]) -> list[float | None]:
    """Values as a column has them: ``DIGITS`` significant digits; what is no finite number is a gap."""
    return [_rounded(value) if isinstance(value, int | float) and math.isfinite(value) else None for value in values]


def _rounded(value: float) -> float:
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 10**DIGITS else short
