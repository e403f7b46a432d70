"""Published values and our own, joined: a line for each pair of a published model and a checkpoint of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from eval.tables.measured import MeasuredRow, one_row_for_equal_weights
from eval.tables.published import PaperMetric, PaperTable, Published, PublishedValue
from salmon.errors import SalmonError

UNRECORDED = "how it was measured is not recorded"


@dataclass(frozen=True)
class Origin:
    """How one of our figures came about; figures of different origins carry different marks."""

    number: int
    text: str
    unlike_published: tuple[str, ...]  # conditions that differ from the published value's

    @property
    def mark(self) -> str:
        return f"P{self.number}"


@dataclass(frozen=True)
class ComparisonLine:
    """One published value, one of ours, or both; None is what is not known or was not run. Published units."""

    table: PaperTable
    metric: PaperMetric
    model: str
    published: PublishedValue | None
    checkpoint: str | None
    value: float | None
    interval: tuple[float, float] | None  # 95 %, of ours
    n: int | None
    origin: Origin | None
    seeds: int | None = None  # training runs that ours is the mean of; None: it is of no study

    @property
    def over(self) -> str:
        """What the interval is over, in words."""
        if self.value is None:
            return ""
        if self.seeds is None:
            return "items"
        return f"{self.seeds} seeds" if self.seeds > 1 else "items, n = 1 seed"

    @property
    def difference(self) -> float | None:
        """Ours minus the published value."""
        if self.value is None or self.published is None:
            return None
        return self.value - self.published.value


@dataclass(frozen=True)
class PublishedComparison:
    """Everything there is to show."""

    published: Published
    lines: list[ComparisonLine]
    origins: list[Origin]
    missing: list[str]  # figures of ours that are not there, with the reason
    notes: list[str]  # what else a reader must know


def compare_with_published(
    published: Published,
    measured: Sequence[MeasuredRow],
    chosen: Mapping[str, str],
    notes: Sequence[str] = (),
) -> PublishedComparison:
    """Set each of our checkpoints beside its published model.

    Args:
        chosen: published model of a checkpoint, where it is not the one of ``published.yaml``.
        notes: for the legend.

    Raises:
        SalmonError: ``chosen`` names a checkpoint or a model that there is not.
    """
    labels = list(dict.fromkeys(m.label for m in measured))
    for label, model in chosen.items():
        if label not in labels:
            raise SalmonError(f"--as {label}={model}: there is no checkpoint {label}; there are: {', '.join(labels)}")
        if model not in published.models:
            raise SalmonError(f"--as {label}={model}: no such model; there are: {', '.join(published.models)}")
    wanted = {(metric.task, metric.metric) for table in published.tables for metric in table.metrics if metric.task}
    measured = [m for m in measured if (m.row.task, m.row.metric) in wanted]
    missing = [f"{m.label}: no {m.row.task}: {m.row.note}" for m in measured if m.row.value is None]
    origins: dict[tuple[str, tuple[str, ...]], Origin] = {}
    lines: list[ComparisonLine] = []
    for table in published.tables:
        for metric in table.metrics:
            for model in published.models:
                ours = [
                    m
                    for m in measured
                    if m.row.value is not None
                    and (m.row.task, m.row.metric) == (metric.task, metric.metric)
                    and chosen.get(m.label, published.counterpart(m.row.checkpoint)) == model
                ]
                lines += [_line(table, metric, model, one, origins) for one in one_row_for_equal_weights(ours)]
                if not ours and (model in metric.values or model == published.models[0]):
                    value = metric.values.get(model)
                    lines.append(ComparisonLine(table, metric, model, value, None, None, None, None, None))
    return PublishedComparison(published, lines, list(origins.values()), list(dict.fromkeys(missing)), list(notes))


def _line(
    table: PaperTable,
    metric: PaperMetric,
    model: str,
    ours: MeasuredRow,
    origins: dict[tuple[str, tuple[str, ...]], Origin],
) -> ComparisonLine:
    row = ours.row
    assert row.value is not None
    if row.provenance is None:
        unlike: tuple[str, ...] = (UNRECORDED,)
        how = row.note
    else:
        unlike = tuple(row.provenance.differences(dict(metric.conditions)))
        how = row.provenance.text
    text = f"{ours.label}: {how}; {ours.made_by}; {', '.join(map(str, ours.files))}"
    origin = origins.setdefault((text, unlike), Origin(len(origins) + 1, text, unlike))
    interval = row.interval
    scaled = None if interval is None else (interval[0] * metric.scale, interval[1] * metric.scale)
    return ComparisonLine(
        table,
        metric,
        model,
        metric.values.get(model),
        ours.label,
        row.value * metric.scale,
        scaled,
        row.n,
        origin,
        ours.seeds,
    )
