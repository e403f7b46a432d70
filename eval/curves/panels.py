"""Which figures make a learning curve: a panel a metric, a curve a training run."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.results import Row, run_names


@dataclass(frozen=True)
class BenchmarkPanel:
    """One metric of one task."""

    task: str
    metric: str
    curves: dict[str, list[Row]]  # run -> one row a step, steps ascending
    references: list[Row]  # of checkpoints that are no moment of a run: the base, SFT


def panels_of(rows: Sequence[Row]) -> list[BenchmarkPanel]:
    """A panel for each figure that some run has at two steps at least; counts and parts of a figure are left out."""
    names = run_names(rows)
    found: dict[tuple[str, str], BenchmarkPanel] = {}
    for row in rows:
        if row.value is not None and not row.metric.startswith("n_") and "/" not in row.metric:
            panel = found.setdefault((row.task, row.metric), BenchmarkPanel(row.task, row.metric, {}, []))
            if row.series is None or row.step is None:
                panel.references.append(row)
            elif all(row.step != other.step for other in panel.curves.setdefault(names[row.series], [])):
                panel.curves[names[row.series]].append(row)
    for panel in found.values():
        for curve in panel.curves.values():
            curve.sort(key=lambda row: row.step or 0)
    return [panel for panel in found.values() if any(len(curve) > 1 for curve in panel.curves.values())]


def caveat(rows: Sequence[Row]) -> str:
    """What makes these figures less than those of the whole benchmarks; "" where nothing does."""
    known = [row.provenance for row in rows if row.provenance is not None]
    limits = sorted({how.limit for how in known if how.limit is not None})
    said = ["SMOKE TEST on the mini set, not a benchmark"] if any(how.smoke_test for how in known) else []
    said += [f"LIMITED to the first {limit} items of each task" for limit in limits]
    return "; ".join([*said, *dict.fromkeys(how.drawn for how in known if how.drawn)])
