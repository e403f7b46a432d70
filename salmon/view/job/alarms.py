"""What PPO's sentinel found: evidence, principle, samples and proposal of each alarm; that there was none is said."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from salmon.ppo.alarm_record import INTERVENTION, AlarmRecord, Evidence, read_alarms
from salmon.ppo.sentinel import ALARM, REMEDY
from salmon.principles.bank import Principle
from salmon.runtime.jsonl import Record
from salmon.view.job.headlines import shown_number
from salmon.view.job.marked import marked
from salmon.view.job.policies import known_principles
from salmon.view.job.record import JobRecord, StageRecord
from salmon.view.page import PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"
HEADER = ("what has changed", "principle", "at the beginning", "at the alarm", "change", "between", "the reward pays")
NUMBERS = frozenset(range(2, len(HEADER)))


@dataclass(frozen=True)
class AlarmCard:
    """A response that shows the harm."""

    reason: str
    prompt: str
    score: str
    text: Markup  # with the words marked that a check of the harmed principles counted


@dataclass(frozen=True)
class ShownAlarm:
    """An alarm as its part of the page has it."""

    title: str
    evidence: PageTable
    proposals: Sequence[tuple[str, str]]  # name and text of each principle that is proposed
    cards: Sequence[AlarmCard]


def alarm_sections(job: JobRecord) -> Iterator[PageSection]:
    """Raises ``SalmonError`` where the record of a run, or of an alarm, is damaged."""
    stage = job.of("ppo")
    alarms = None if stage is None else read_alarms(stage.folder, stage.rows)
    if stage is None or alarms is None:
        return
    config = stage.artifact.manifest.get("config", job.config) if stage.artifact else job.config
    known = known_principles(config)
    html = fragment(
        TEMPLATES,
        "alarms.html",
        watched=sum(ALARM in row for row in stage.rows),
        alarms=[_shown(alarm, known) for alarm in alarms],
        bank=_bank(stage, alarms),
        remedy=REMEDY,
    )
    yield PageSection("Sentinel", html)


def _shown(alarm: AlarmRecord, known: Mapping[str, Principle]) -> ShownAlarm:
    harmed = {one.principle for one in alarm.harms}
    checks = {name: principle.check for name, principle in known.items() if name in harmed and principle.check}
    held = "" if alarm.until == alarm.step else f", until update {alarm.until}"
    return ShownAlarm(
        f"Alarm at update {alarm.step}{held}",
        PageTable(f"Evidence at update {alarm.step}", HEADER, [_cells(one) for one in alarm.evidence], NUMBERS),
        [(one.principle, one.proposal) for one in alarm.evidence if one.principle and one.proposal],
        [_card(row, checks) for row in alarm.samples],
    )


def _cells(evidence: Evidence) -> list[str]:
    return [
        evidence.metric,
        evidence.principle or "",
        shown_number(evidence.before),
        shown_number(evidence.before + evidence.change),
        f"{evidence.change:+.3g}",
        f"{evidence.low:+.3g} and {evidence.high:+.3g}",
        "" if evidence.paid is None else f"{evidence.paid:+.3g} (at least {evidence.paid_low:+.3g})",
    ]


def _card(row: Record, checks: Mapping[str, str]) -> AlarmCard:
    score = row.get("score")
    return AlarmCard(
        str(row.get("reason", "")),
        str(row.get("prompt", "")),
        shown_number(float(score)) if isinstance(score, int | float) else "",
        marked(str(row.get("response", "")), checks),
    )


def _bank(stage: StageRecord, alarms: Sequence[AlarmRecord]) -> str | None:
    """The file that the last proposal is in, where it is there."""
    file = stage.folder / INTERVENTION
    return str(file) if file.is_file() and any(one.proposal for alarm in alarms for one in alarm.evidence) else None
