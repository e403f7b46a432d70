"""Figures as text."""

from collections.abc import Sequence

from salmon.runtime.tables import markdown_table
from sweeps.arms import ArmMetric
from sweeps.collect import FINISHED, SweepJob
from sweeps.statistics import Estimate

MISSING = "n/a"
LEGEND = (
    "`a → b (c ± d)`: mean over seeds before training, after the last update, and of the change (last minus "
    "first of the same seed) with its 95 % interval by Student's t. `n = 1`: one measurement, so chance is not "
    "excluded. `n = …` also stands where the figure has another number of measurements than finished seeds: a seed "
    f"lacks it, or seeds share what was measured. `{MISSING}`: none has it."
)


def interval(estimate: Estimate, digits: int, sign: bool = False, seeds: int | None = None) -> str:
    """``0.512 ± 0.031``, or ``0.512, n = 1``; with ``seeds``, says when the mean is over another number of them."""
    if estimate.mean is None:
        return MISSING
    mean = f"{estimate.mean:+.{digits}f}" if sign else f"{estimate.mean:.{digits}f}"
    if estimate.half_width is None:
        return f"{mean}, n = {estimate.n}"
    other = seeds is not None and estimate.n != seeds
    return f"{mean} ± {estimate.half_width:.{digits}f}" + (f", n = {estimate.n}" if other else "")


def change_cell(measured: ArmMetric, digits: int, seeds: int) -> str:
    start, end = ("?" if e.mean is None else f"{e.mean:.{digits}f}" for e in (measured.start, measured.end))
    if measured.end.mean is None:
        return MISSING
    if measured.change.mean is None:
        return f"{start} → {interval(measured.end, digits, seeds=seeds)}"
    return f"{start} → {end} ({interval(measured.change, digits, sign=True, seeds=seeds)})"


def jobs_section(jobs: Sequence[SweepJob]) -> str:
    """How many jobs the figures are about, and what is the matter with the others."""
    done = sum(job.finished for job in jobs)
    head = f"Jobs: {done} of {len(jobs)} finished."
    if done == len(jobs):
        return head
    rows = [[job.name, job.state, " ".join((job.error or "").split())] for job in jobs if job.state != FINISHED]
    return (
        head
        + " **Not in the figures:**\n\n"
        + markdown_table(["job", "state", "error"], rows)
        + "\n\nThe same command runs what is missing; finished stages are reused."
    )
