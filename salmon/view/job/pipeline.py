"""The stages of a job: time, cost and lineage of each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.progress import format_duration
from salmon.tracking.plot_style import COLOURS
from salmon.view.job.record import JobRecord, StageRecord
from salmon.view.page import Chart, PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"
HEADER = ("stage", "time", "peak GiB", "made from", "made", "artifact")
# Parts of a stage's time, by their metrics: what is left is "other".
PHASES = {
    "sampling": "time/rollout_s",
    "scoring": "time/score_s",
    "log-probs and values": "time/logprobs_s",
    "updates": "time/update_s",
}


def pipeline_sections(job: JobRecord) -> Iterator[PageSection]:
    if not job.stages:
        return
    names = {stage.artifact.name: stage.label for stage in job.stages if stage.artifact}
    table = PageTable("Stages, in their order", HEADER, [_row(s, names) for s in job.stages], frozenset({1, 2}))
    yield PageSection("Pipeline", fragment(TEMPLATES, "pipeline.html", table=table, chart=_time_chart(job.stages)))


def _row(stage: StageRecord, names: dict[str, str]) -> list[str]:
    if stage.artifact is None:
        return [stage.label, "not finished", "", "", "", str(stage.folder)]
    seconds, memory = (stage.metrics.get(name) for name in ("time/total_s", "perf/peak_memory_gib"))
    return [
        stage.label,
        format_duration(seconds) if seconds is not None else "",
        f"{memory:.1f}" if memory is not None else "",
        ", ".join(names.get(name, name) for name in stage.upstream.values()) or "the base model",
        "before this job" if stage.reused else str(stage.artifact.manifest.get("created", "")),
        str(stage.folder),
    ]


def _time_chart(stages: Sequence[StageRecord]) -> Chart:
    """Minutes of each stage; where its metrics say so, split into its phases."""
    split = {stage.label: _phases(stage) for stage in stages if stage.metrics.get("time/total_s") is not None}
    labels = list(split)
    phases = [name for name in ("whole stage", *PHASES, "other") if any(name in parts for parts in split.values())]
    traces: list[dict[str, Any]] = [
        {
            "type": "bar",
            "orientation": "h",
            "name": phase,
            "y": labels,
            "x": [split[label].get(phase, 0.0) / 60 for label in labels],
            "marker": {"color": COLOURS[place]},
            "hovertemplate": "%{y}, %{fullData.name}: %{x:.2f} min<extra></extra>",
        }
        for place, phase in enumerate(phases)
    ]
    layout = {"barmode": "stack", "xaxis": {"title": {"text": "minutes"}}, "yaxis": {"autorange": "reversed"}}
    longest = max(labels, key=lambda label: sum(split[label].values()), default="none")
    summary = f"Bars of the time of each stage; the longest is {longest}. The times stand in the table above."
    return Chart("Time of each stage", summary, traces, layout)


def _phases(stage: StageRecord) -> dict[str, float]:
    """Seconds of a stage by phase."""
    total = stage.metrics["time/total_s"] or 0.0
    try:
        rows = stage.rows
    except SalmonError:  # said where its curves would be
        return {"whole stage": total}
    spent = {name: sum(row.get(metric) or 0.0 for row in rows) for name, metric in PHASES.items()}
    spent = {name: seconds for name, seconds in spent.items() if seconds}
    return {**spent, "other": max(total - sum(spent.values()), 0.0)} if spent else {"whole stage": total}
