"""Lessons: training on judged pairs under fewer principles in fewer wordings, before training on all of them.

A small reward model that meets many principles at once, half of them negated, stays at chance: what it learns from an
asserted principle is unlearned from a negated one before it can tell them apart. One principle in one wording it reads
after some fifty steps, negated or not, and it keeps that while principles and wordings are added, if not too many
at a time.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from salmon.config.preferences import AggregationSettings
from salmon.config.reward import LessonSettings
from salmon.config.training import Schedule, SupervisedSettings
from salmon.data.rows import PreferenceRow
from salmon.errors import SalmonError
from salmon.preferences.aggregation import aggregate
from salmon.preferences.judgements import JudgedPairs
from salmon.principles.bank import Bank
from salmon.runtime.seeding import stream
from salmon.training.supervised import EarlyStop


def lesson_rows(
    judged: JudgedPairs,
    lesson: LessonSettings,
    settings: AggregationSettings,
    rows_together: int,
    seed: int,
    number: int,
) -> list[PreferenceRow]:
    """Rows for the ``number``-th lesson: one principle each, labelled as always, ``rows_together`` different ones at
    most of each of ``lesson.groups`` random pairs.

    A planted bias stays out: lessons teach reading, the bias is in the data that come after them.

    Raises:
        SalmonError: a principle of the lesson was not judged, or no pair is decided by its principles.
    """
    where = f"reward.lessons[{number}]"
    if absent := judged.bank.missing(lesson.principles):
        raise SalmonError(
            f"{where}.principles: not among the principles that pairs were judged by: " + ", ".join(absent)
        )
    rule = replace(settings, geometric_p=1.0, planted_bias=None)
    own_seed = int(stream(seed, "lesson", number).integers(2**31))  # other draws than the main rows of the same pairs
    rows, _ = aggregate(subset(judged, lesson.principles, lesson.wordings), rule, set(), own_seed)
    by_pair: dict[str, dict[str, PreferenceRow]] = defaultdict(dict)
    for row in rows:  # few principles in few wordings come up again in the passes
        by_pair[row.pair].setdefault(row.guidelines[0].text, row)
    if not rows:
        raise SalmonError(
            f"{where}: no training pair is decided by {', '.join(lesson.principles)}; name other "
            "principles, or raise preferences.num_prompts"
        )
    groups = [list(by_text.values()) for by_text in by_pair.values()]
    order = stream(own_seed, "groups").permutation(len(groups))[: lesson.groups]
    return [row for i in order for row in groups[i][:rows_together]]


def lesson_training(lesson: LessonSettings, settings: SupervisedSettings) -> SupervisedSettings:
    """How a lesson trains: once over its rows, with a constant learning rate, since nobody knows when it will end."""
    return replace(
        settings, epochs=1, batch_size=lesson.batch_size, optim=replace(settings.optim, schedule=Schedule.constant)
    )


def mastery(lesson: LessonSettings) -> EarlyStop:
    """What ends the lesson before its last group."""
    return EarlyStop("lesson/accuracy", lesson.until)


def subset(judged: JudgedPairs, names: Sequence[str], wordings: int | None) -> JudgedPairs:
    """The same pairs, judged by the named principles only (none named: all), in the first ``wordings`` wordings."""
    kept = [k for k, name in enumerate(judged.bank.names) if not names or name in names]
    principles = tuple(judged.bank.principles[k].in_first_wordings(wordings) for k in kept)
    return JudgedPairs(
        judged.pairs, [[row[k] for k in kept] for row in judged.judgements], Bank(judged.bank.name, principles)
    )
