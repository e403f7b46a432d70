"""Curves of a job's stages, against an x axis that the reader chooses, with PPO's diagnoses and alarms marked on it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.ppo.alarm_record import read_alarms
from salmon.ppo.sentinel import ALARM, REMEDY
from salmon.runtime.diagnoses import REMEDIES
from salmon.runtime.jsonl import Record
from salmon.tracking.glossary import find
from salmon.view.job.headlines import shown_number
from salmon.view.job.panels import PANELS, MetricPanel
from salmon.view.job.record import JobRecord, StageRecord
from salmon.view.lines import line_trace
from salmon.view.page import Chart, ChartAxis, PageSection, PageTable, column_ref, numbers
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"
HEALTH = "health/"
HACKED = ALARM.removeprefix(HEALTH)
MEANINGS = {**REMEDIES, HACKED: REMEDY}
AXES = {
    "update": "updates",
    "samples": "responses sampled",
    "kl": "KL from the reference, nats/response",
    "time": "min",
}
VALUES = ("curve", "first", "last", "lowest", "highest", "values", "not finite")


@dataclass
class StageCurves:
    """The record of one stage, and the page's columns that its charts name."""

    stage: str
    rows: Sequence[Record]
    samples: int | None = None  # responses that one step samples; None: it samples none
    alarms: Mapping[int, str] = field(default_factory=dict)  # update -> what the sentinel found where an alarm begins
    columns: dict[str, list[float | None]] = field(default_factory=dict)

    @cached_property
    def axes(self) -> dict[str, list[float | None]]:
        """Of each row, where it is on each axis."""
        times = [time if isinstance(time := row.get("time"), int | float) else None for row in self.rows]
        began = min((time for time in times if time is not None), default=0.0)
        axes: dict[str, list[float | None]] = {"update": [row["step"] for row in self.rows]}
        if self.samples:
            axes["samples"] = [row["step"] * self.samples for row in self.rows]
        if any("objective/kl" in row for row in self.rows):
            axes["kl"] = [row.get("objective/kl", row.get("held_out/kl")) for row in self.rows]
        axes["time"] = [None if time is None else (time - began) / 60 for time in times]
        return axes

    def charts(self) -> Iterator[Chart]:
        """One for each panel that has a curve."""
        for panel in PANELS.get(self.stage, ()):
            if curves := self._curves(panel):
                yield self._chart(panel, curves)

    @cached_property
    def diagnoses(self) -> list[tuple[int, str]]:
        """(number of the row, diagnosis) wherever one begins to hold."""
        found, holds = [], set[str]()
        for number, row in enumerate(self.rows):
            logged = {name.removeprefix(HEALTH): value for name, value in row.items() if name.startswith(HEALTH)}
            found += [(number, name) for name, value in logged.items() if value and name not in holds]
            holds = {name for name, value in logged.items() if value} if logged else holds
        return found

    def _curves(self, panel: MetricPanel) -> dict[str, str]:
        """Names of the logged metrics of a panel, with what a line is called."""
        logged = dict.fromkeys(name for row in self.rows for name in row)
        curves: dict[str, str] = {}
        for pattern in panel.metrics:
            before, principle, after = pattern.partition("<principle>")
            for name in logged:
                metric = find(name, self.stage)
                if metric is not None and metric.name == pattern:
                    curves[name] = name[len(before) : len(name) - len(after)] if principle else name
        return curves

    def _chart(self, panel: MetricPanel, curves: Mapping[str, str]) -> Chart:
        places = {name: [n for n, row in enumerate(self.rows) if name in row] for name in curves}
        traces: list[dict[str, Any]] = [
            {**line_trace(number, shown, len(places[name])), "y": column_ref(self._values(name, places[name]))}
            for number, (name, shown) in enumerate(curves.items())
        ]
        marked = [number for number, _ in self.diagnoses]
        if marked:
            traces.append(self._marks())
        groups = [*places.values(), *([marked] if marked else [])]
        axes = [
            ChartAxis(name, self._axis_title(name), [self._axis(name, group) for group in groups]) for name in self.axes
        ]
        unit = find(next(iter(curves)), self.stage)
        layout = {
            "yaxis": {"title": {"text": unit.unit if unit else ""}},
            "showlegend": len(curves) > 1,
            **(
                {"yaxis2": {"range": [0, 1], "overlaying": "y", "visible": False, "fixedrange": True}} if marked else {}
            ),
        }
        table = PageTable(
            f"{self.stage}: {panel.title}",
            VALUES,
            [self._summary(name, shown, places[name]) for name, shown in curves.items()],
            frozenset(range(1, len(VALUES))),
        )
        first = table.rows[0]
        summary = f"Curves of {', '.join(curves.values())}. {first[0]} goes from {first[1]} to {first[2]}."
        return Chart(panel.title, summary, traces, layout, axes, table)

    def _marks(self) -> dict[str, Any]:
        """Diagnoses at the foot of a panel, where they begin; an alarm with what it was about."""
        alarm = [name == HACKED for _, name in self.diagnoses]
        names = [self._mark(number, name) for number, name in self.diagnoses]
        return {
            "type": "scatter",
            "mode": "markers",
            "name": "diagnosis",
            "showlegend": False,
            "yaxis": "y2",
            "y": [0.02] * len(names),
            "text": names,
            "marker": {
                "color": ["#CC79A7" if is_alarm else "#D55E00" for is_alarm in alarm],
                "symbol": ["diamond" if is_alarm else "triangle-up" for is_alarm in alarm],
                "size": 11,
            },
            "hovertemplate": "%{text} begins<extra></extra>",
        }

    def _mark(self, number: int, name: str) -> str:
        about = self.alarms.get(self.rows[number]["step"]) if name == HACKED else None
        return f"{name} ({about})" if about else name

    def _axis_title(self, name: str) -> str:
        return "steps" if name == "update" and self.stage != "ppo" else AXES[name]

    def _axis(self, name: str, places: Sequence[int]) -> str:
        """The column of an axis at some rows; curves that were logged together share one."""
        wanted = numbers(self.axes[name][place] for place in places)
        return self._column(f"{self.stage}/{name}", wanted)

    def _values(self, name: str, places: Sequence[int]) -> str:
        return self._column(f"{self.stage}/{name}", numbers(self.rows[place][name] for place in places))

    def _column(self, name: str, values: list[float | None]) -> str:
        """The name of a column with these values, which begins as ``name`` does."""
        number, unique = 1, name
        while self.columns.get(unique, values) != values:
            number += 1
            unique = f"{name} ({number})"
        self.columns[unique] = values
        return unique

    def _summary(self, name: str, shown: str, places: Sequence[int]) -> list[str]:
        values = numbers(self.rows[place][name] for place in places)
        finite = [value for value in values if value is not None]
        if not finite:
            return [shown, "", "", "", "", "0", str(len(values))]
        ends = [shown_number(value) for value in (finite[0], finite[-1], min(finite), max(finite))]
        return [shown, *ends, str(len(finite)), str(len(values) - len(finite))]


def curve_sections(job: JobRecord) -> Iterator[PageSection]:
    """Raises ``SalmonError`` where a record of metrics is damaged."""
    stages = [_curves_of(stage, job.config) for stage in reversed(job.stages) if stage.stage in PANELS]
    shown = [(curves, charts) for curves in stages if (charts := list(curves.charts()))]
    if not shown:
        return
    axes = {name: AXES[name] for name in AXES if any(name in curves.axes for curves, _ in shown)}
    diagnoses = [
        [name, str(curves.rows[number]["step"]), MEANINGS.get(name, "")]
        for curves, _ in shown
        for number, name in curves.diagnoses
    ]
    html = fragment(
        TEMPLATES,
        "curves.html",
        axes=list(axes.items()),
        stages=[(curves.stage, charts, _gaps(curves)) for curves, charts in shown],
        diagnoses=PageTable("Diagnoses, where each begins", ("diagnosis", "update", "what it means"), diagnoses),
    )
    yield PageSection("Curves", html, {name: c for curves, _ in shown for name, c in curves.columns.items()})


def _curves_of(stage: StageRecord, config: Mapping[str, Any]) -> StageCurves:
    made_with = stage.artifact.manifest.get("config", config) if stage.artifact else config
    samples = made_with.get("ppo", {}).get("rollout_batch") if stage.stage == "ppo" else None
    rows = [row for row in stage.rows if isinstance(row.get("step"), int)]
    return StageCurves(stage.stage, rows, samples, _alarms(stage, rows) if stage.stage == "ppo" else {})


def _alarms(stage: StageRecord, rows: Sequence[Record]) -> dict[int, str]:
    """What each alarm of the sentinel was about, by the update at which it begins."""
    try:
        alarms = read_alarms(stage.folder, rows) or ()
    except SalmonError:  # the section about alarms says so; the curves need not go with it
        return {}
    return {alarm.step: "; ".join(harm.words for harm in alarm.harms) for alarm in alarms}


def _gaps(curves: StageCurves) -> list[str]:
    """Metrics that were not finite numbers, and where that began."""
    first: dict[str, int] = {}
    for row in curves.rows:
        for name, value in row.items():
            if value is None:
                first.setdefault(name, row["step"])
    return [f"{name} from step {step} on" for name, step in first.items()]
