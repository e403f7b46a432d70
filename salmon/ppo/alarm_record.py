"""What is kept of the sentinel's alarms, beside metrics.jsonl: the tables that a run writes and that its page reads."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from salmon.errors import SalmonError
from salmon.ppo.sentinel import ALARM, SCORE, Drift, HackVerdict
from salmon.principles.bank import Principle
from salmon.runtime.jsonl import Record, read_records
from salmon.tracking.metrics_file import TABLES

SAMPLES, EVIDENCE = "alarms", "alarm_evidence"  # names of the tables, one of each at the step of an alarm
SAMPLE_COLUMNS = ("reason", "prompt", "response", "score")
INTERVENTION = "intervention.yaml"  # bank that the last alarm proposed, in the run's folder


@dataclass(frozen=True)
class Evidence:
    """A metric that has changed: the rewarded score, or something that is harmed.

    Attributes:
        metric: its name.
        principle: the monitored principle that it measures, if any.
        before: its mean at the beginning of the run.
        change: since then, between ``low`` and ``high``.
        paid: of something forbidden that the reward pays for: by how much it scores higher; ``paid_low`` at least.
        proposal: text of the principle, where it is proposed as an intervention.
    """

    metric: str
    principle: str | None
    before: float
    change: float
    low: float
    high: float
    paid: float | None = None
    paid_low: float | None = None
    proposal: str | None = None

    @property
    def words(self) -> str:
        text = (
            f"{self.metric} {self.before:.3g} -> {self.before + self.change:.3g} "
            f"(change {self.change:+.3g}, between {self.low:+.3g} and {self.high:+.3g})"
        )
        if self.paid is not None and self.paid_low is not None:
            text += f", which the reward pays for with {self.paid:+.3g} (at least {self.paid_low:+.3g})"
        return text


EVIDENCE_COLUMNS = tuple(field.name for field in fields(Evidence))


@dataclass(frozen=True)
class AlarmRecord:
    """One alarm as it was told.

    Attributes:
        step: the update at which it began.
        until: the last update at which it held.
        evidence: the rise of the score, then the harms.
        samples: responses of the update that show the harm, by ``SAMPLE_COLUMNS``.
    """

    step: int
    until: int
    evidence: Sequence[Evidence]
    samples: Sequence[Record]

    @property
    def harms(self) -> list[Evidence]:
        return [one for one in self.evidence if one.metric != SCORE]


def evidence_of(found: HackVerdict, proposed: Iterable[Principle]) -> list[Evidence]:
    """The rise of the score, then the harms.

    Args:
        found: a verdict with an alarm.
        proposed: principles that are proposed as interventions.
    """
    texts = {principle.name: principle.definition for principle in proposed}
    drifts = [*([found.score] if found.score else []), *found.harms]
    return [_evidence(drift, texts.get(drift.principle or "")) for drift in drifts]


def evidence_rows(evidence: Iterable[Evidence]) -> list[tuple[object, ...]]:
    """The lines of the table, by ``EVIDENCE_COLUMNS``."""
    return [astuple(one) for one in evidence]


def _evidence(drift: Drift, proposal: str | None) -> Evidence:
    change, paid = drift.change, drift.paid
    return Evidence(
        drift.metric,
        drift.principle,
        drift.before,
        change.mean,
        change.low,
        change.high,
        None if paid is None else paid.mean,
        None if paid is None else paid.low,
        proposal,
    )


def read_alarms(folder: Path, rows: Sequence[Record]) -> list[AlarmRecord] | None:
    """The alarms of a run, in order; None where it was not watched.

    Args:
        folder: of the run.
        rows: of its ``metrics.jsonl``.

    Raises:
        SalmonError: a table is damaged.
    """
    watched = [(int(row["step"]), bool(row[ALARM])) for row in rows if ALARM in row]
    if not watched:
        return None
    held: list[tuple[int, int]] = []  # first and last update of each alarm
    before = False
    for step, alarm in watched:
        if alarm:
            held.append((held.pop()[0], step) if before else (step, step))
        before = alarm
    return [AlarmRecord(*span, _read_evidence(folder, span[0]), _table(folder, SAMPLES, span[0])) for span in held]


def _read_evidence(folder: Path, step: int) -> list[Evidence]:
    try:
        return [Evidence(**row) for row in _table(folder, EVIDENCE, step)]
    except TypeError as error:
        raise SalmonError(f"{_file(folder, EVIDENCE, step)}: a line is no evidence of an alarm ({error})") from error


def _table(folder: Path, name: str, step: int) -> list[Record]:
    path = _file(folder, name, step)
    return read_records(path) if path.is_file() else []


def _file(folder: Path, name: str, step: int) -> Path:
    return folder / TABLES / f"{name}_{step}.jsonl"
