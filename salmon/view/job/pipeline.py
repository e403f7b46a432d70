"""The stages of a job: time, cost and lineage of each."""

from collections.abc import Sequence
from pathlib import Path

from salmon.runtime.progress import format_duration
from salmon.view.job.record import StageRecord
from salmon.view.page import PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"


def pipeline_section(stages: Sequence[StageRecord]) -> PageSection:
    table = PageTable(
        "Stages in the order in which they ran",
        ["stage", "time", "peak GiB", "made from", "artifact"],
        [_row(stage) for stage in stages],
        right=frozenset({2}),
    )
    return PageSection("Pipeline", fragment(TEMPLATES, "pipeline.html", table=table))


def _row(stage: StageRecord) -> list[str]:
    if stage.artifact is None:
        return [stage.label, "not finished", "", "", str(stage.folder)]
    seconds, memory = (stage.metrics.get(name) for name in ("time/total_s", "perf/peak_memory_gib"))
    return [
        stage.label,
        (format_duration(seconds) if seconds is not None else "") + (" (reused)" if stage.reused else ""),
        f"{memory:.1f}" if memory is not None else "",
        ", ".join(stage.artifact.manifest.get("upstream", {}).values()),
        stage.artifact.name,
    ]
