"""A curriculum: training on judged pairs under few principles in few wordings, before training on all of them.

A small reward model that meets many principles at once, half of them negated, stays at chance: what it learns from an
asserted principle is unlearned from a negated one before it can tell them apart. One principle in one wording it reads
after some fifty steps, negated or not, and it keeps that while principles and wordings are added, if not too many
at a time.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from salmon.config.preferences import AggregationSettings
from salmon.config.reward import CurriculumStage
from salmon.config.schema import Config
from salmon.config.training import Schedule, SupervisedSettings
from salmon.data.rows import PreferenceRow
from salmon.errors import SalmonError
from salmon.preferences.aggregation import aggregate
from salmon.preferences.artifact import judged_training_pairs
from salmon.preferences.judgements import JudgedPairs
from salmon.principles.bank import Bank
from salmon.principles.selection import reward_bank
from salmon.runtime.seeding import stream
from salmon.training.supervised import EarlyStop

METRICS = "curriculum"  # prefix of the metrics of all stages
# First part of the names of random streams. It decides every draw, so it stays what it is.
STREAM = "lesson"


def load_curriculum(cfg: Config, preferences: Path) -> list[tuple[CurriculumStage, list[PreferenceRow]]]:
    """Make the rows of each curriculum stage from the training pairs of a preferences artifact.

    Raises:
        SalmonError: see ``curriculum_rows``.
    """
    stages, together = cfg.reward.curriculum, cfg.reward.rows_together
    if not stages:
        return []
    judged = judged_training_pairs(preferences, reward_bank(cfg.principles), cfg.preferences.min_response_chars)
    return [
        (stage, curriculum_rows(judged, stage, cfg.preferences.aggregation, together, cfg.seed, number))
        for number, stage in enumerate(stages)
    ]


def curriculum_rows(
    judged: JudgedPairs,
    stage: CurriculumStage,
    settings: AggregationSettings,
    rows_together: int,
    seed: int,
    number: int,
) -> list[PreferenceRow]:
    """Make the rows of one curriculum stage: one principle each, labelled as all rows are.

    A planted bias stays out: the curriculum teaches to read, the bias is in the data that come after it.

    Args:
        judged: the training pairs.
        stage: its principles and wordings, and of how many pairs it is.
        settings: how rows are made of the judgements.
        rows_together: most rows of a pair; they differ in the guideline's text.
        seed: of all draws.
        number: the place of the stage in the curriculum, from 0.

    Raises:
        SalmonError: a principle of the stage was not judged, or no pair is decided by its principles.
    """
    require_judged(stage.principles, judged.bank, number)
    one_principle = replace(settings, geometric_p=1.0, planted_bias=None)
    own_seed = int(stream(seed, STREAM, number).integers(2**31))  # other draws than the main rows of the same pairs
    rows, _ = aggregate(subset(judged, stage.principles, stage.wordings), one_principle, set(), own_seed)
    if not rows:
        raise SalmonError(
            f"reward.curriculum[{number}]: no training pair is decided by {', '.join(stage.principles)}; name other "
            "principles, or raise preferences.num_prompts"
        )
    by_pair: dict[str, dict[str, PreferenceRow]] = defaultdict(dict)
    for row in rows:  # several passes may draw the same of few principles in few wordings
        by_pair[row.pair].setdefault(row.guidelines[0].text, row)
    rows_of = [list(by_text.values()) for by_text in by_pair.values()]
    drawn = stream(own_seed, "groups").permutation(len(rows_of))[: stage.pairs]
    return [row for i in drawn for row in rows_of[i][:rows_together]]


def require_judged(names: Sequence[str], bank: Bank, number: int) -> None:
    """Raises ``SalmonError`` where pairs are not judged by a principle of the curriculum's stage ``number``."""
    if absent := bank.missing(names):
        raise SalmonError(
            f"reward.curriculum[{number}].principles: not among the principles that pairs are judged by: "
            + ", ".join(absent)
        )


def training_settings(stage: CurriculumStage, settings: SupervisedSettings) -> SupervisedSettings:
    """How a stage trains: once over its rows, with a constant learning rate, since nobody knows when it will end."""
    return replace(
        settings, epochs=1, batch_size=stage.batch_size, optim=replace(settings.optim, schedule=Schedule.constant)
    )


def early_stop(stage: CurriculumStage) -> EarlyStop:
    """What ends a stage before its last pair."""
    return EarlyStop(f"{METRICS}/accuracy", stage.stop_at_accuracy)


def subset(judged: JudgedPairs, names: Sequence[str], wordings: int | None) -> JudgedPairs:
    """The same pairs, judged by the named principles only (none named: all), in the first ``wordings`` wordings."""
    kept = [k for k, name in enumerate(judged.bank.names) if not names or name in names]
    principles = tuple(judged.bank.principles[k].in_first_wordings(wordings) for k in kept)
    return JudgedPairs(
        judged.pairs, [[row[k] for k in kept] for row in judged.judgements], Bank(judged.bank.name, principles)
    )
