"""The curriculum: which rows a reward model is trained on before it meets all principles in all wordings."""

from collections import Counter
from dataclasses import replace

import pytest

from salmon.config.preferences import AggregationSettings, LabelRule, Normalization
from salmon.config.reward import CurriculumStage
from salmon.config.training import Schedule, SupervisedSettings
from salmon.data.rows import Judgement
from salmon.errors import SalmonError
from salmon.preferences.judgements import JudgedPairs
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle
from salmon.reward.curriculum import curriculum_rows, early_stop, subset, training_settings

BANK = Bank(
    "test",
    (
        Principle("Short", "Short.", "Long.", paraphrases=("Brief.", "Terse."), negative_paraphrases=("Lengthy.",)),
        Principle("Kind", "Kind.", "Unkind.", paraphrases=("Friendly.",)),
        Principle("Safe", "Safe."),
    ),
)
SETTINGS = AggregationSettings(
    passes=6,
    geometric_p=0.3,
    max_principles=3,
    negation_probability=0.5,
    antithetic=True,
    require_agreement=False,
    normalize_by_variance_of=Normalization.none,
    label_rule=LabelRule.most_pronounced,
    label_noise=0.0,
    veto_label_noise=0.0,
    ai_disclaimer_veto=0.0,
    language_veto=False,
    planted_bias=None,
    planted_bias_probability=0.0,
)
STAGE = CurriculumStage(principles=["Short"], wordings=1, pairs=9, batch_size=2, stop_at_accuracy=1.0)
MANY = replace(STAGE, pairs=1000)


def judged(count: int = 20, score: float = 1.0) -> JudgedPairs:
    """Response 1 is shorter and less safe, and kindness says nothing."""
    pairs = [Pair(f"p{n}", "Why?", "one", "two") for n in range(count)]
    scores = dict(zip(BANK.names, (score, 0.0, -1.0), strict=True))
    return JudgedPairs(pairs, [[Judgement("", name, s, s) for name, s in scores.items()] for _ in pairs], BANK)


def test_rows_show_one_principle_of_the_stage_in_its_first_wording_both_ways() -> None:
    rows = curriculum_rows(judged(), MANY, SETTINGS, rows_together=6, seed=0, number=0)
    assert len(rows) == 40 and {len(row.guidelines) for row in rows} == {1}  # geometric_p=0.3 would show more
    shown = Counter(
        (g.text, g.negated, (row.response_1, row.response_2)[row.label - 1]) for row in rows for g in row.guidelines
    )
    assert shown == {("Short.", False, "one"): 20, ("Long.", True, "two"): 20}  # each once for a pair
    assert all(row.split == "train" for row in rows)


def test_more_wordings_and_principles_are_added() -> None:
    two = curriculum_rows(judged(60), replace(MANY, wordings=2), SETTINGS, 6, 0, 0)
    assert {g.text for row in two for g in row.guidelines} == {"Short.", "Brief.", "Long.", "Lengthy."}
    every = curriculum_rows(judged(60), replace(MANY, wordings=None, principles=[]), SETTINGS, 6, 0, 0)
    assert {g.text for row in every for g in row.guidelines} == {
        "Short.",
        "Brief.",
        "Terse.",
        "Long.",
        "Lengthy.",
        "Safe.",
    }  # Kind decides nothing


def test_framed_wordings_come_with_all_wordings_only() -> None:
    framed = replace(
        judged(60),
        bank=Bank("framed", (replace(BANK.principles[0], framed=("Aim for brevity.",)), *BANK.principles[1:])),
    )
    for wordings, expected in ((2, False), (9, False), (None, True)):
        rows = curriculum_rows(framed, replace(MANY, wordings=wordings), SETTINGS, 6, 0, 0)
        assert ("Aim for brevity." in {row.guidelines[0].text for row in rows}) is expected


def test_so_many_pairs_with_so_many_rows_each() -> None:
    rows = curriculum_rows(judged(), STAGE, SETTINGS, rows_together=1, seed=0, number=0)
    assert len(rows) == 9 and len({row.prompt_id for row in rows}) == 9
    assert {row.prompt_id for row in rows} != {f"p{n}" for n in range(9)}  # random ones


def test_each_stage_draws_anew() -> None:
    one, same, other = (curriculum_rows(judged(), STAGE, SETTINGS, 6, 0, number) for number in (0, 0, 1))
    assert one == same and [r.guidelines for r in one] != [r.guidelines for r in other]


def test_a_planted_bias_is_not_taught_by_the_curriculum() -> None:
    """It would need a check of Safe, which has none, so reading it is an error."""
    biased = replace(SETTINGS, planted_bias="Safe", planted_bias_probability=1.0)
    assert curriculum_rows(judged(), STAGE, biased, 6, 0, 0) == curriculum_rows(judged(), STAGE, SETTINGS, 6, 0, 0)


def test_subset_keeps_the_judgements_of_its_principles() -> None:
    part = subset(judged(2), ["Safe", "Short"], None)
    assert part.bank.names == ("Short", "Safe") and part.original_order.tolist() == [[1.0, -1.0]] * 2
    assert subset(judged(2), [], None).bank == BANK


def test_names_must_be_known_and_pairs_decided() -> None:
    with pytest.raises(SalmonError, match=r"reward.curriculum\[1\].principles.*\"Shrt\".*Short"):
        curriculum_rows(judged(), replace(STAGE, principles=["Shrt"]), SETTINGS, 6, 0, 1)
    with pytest.raises(SalmonError, match=r"reward.curriculum\[0\]: no training pair is decided by Kind"):
        curriculum_rows(judged(), replace(STAGE, principles=["Kind"]), SETTINGS, 6, 0, 0)


def test_a_stage_trains_once_with_a_constant_learning_rate(optim_settings) -> None:
    after = SupervisedSettings(
        epochs=3,
        batch_size=8,
        micro_batch_size=4,
        save_every=5,
        optim=optim_settings(lr=0.5, schedule=Schedule.cosine, warmup=2.0),
    )
    training = training_settings(replace(STAGE, batch_size=3), after)
    assert (training.epochs, training.batch_size, training.micro_batch_size) == (1, 3, 4)
    assert (training.optim.lr, training.optim.schedule, training.optim.warmup) == (0.5, Schedule.constant, 2.0)


def test_a_stage_ends_when_its_accuracy_is_high_enough() -> None:
    stop = early_stop(replace(STAGE, stop_at_accuracy=0.9))
    assert (stop.metric, stop.level, stop.steps) == ("curriculum/accuracy", 0.9, 20)
