"""Agreement of a judge with the checks: hand-worked shares, intervals over prompts, names of metrics."""

from dataclasses import replace

import numpy as np
import pytest

from salmon.data.rows import Judgement
from salmon.preferences.judges.agreement import (
    Agreement,
    AgreementReport,
    agreement_markdown,
    agreement_with_checks,
    as_metrics,
)
from salmon.preferences.judges.agreement import measure_agreement as measure
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle

Values = list[tuple[float, float]]


def judged(principle: str, values: Values, prompts: str = "abcdefgh") -> list[list[Judgement]]:
    return [[Judgement(prompt, principle, *value)] for prompt, value in zip(prompts, values, strict=False)]


def beside(one: list[list[Judgement]], two: list[list[Judgement]]) -> list[list[Judgement]]:
    return [[*a, *b] for a, b in zip(one, two, strict=True)]


# Judge: +1 (orders differ: 3 and -1), +1, 0 (orders cancel), -1, +1; check: +, -, +, -, tie.
# Decided 4, right 1 + 0 + 1/2 + 1 = 2.5; flips: the 1st and the 3rd of 5; ties: 1 of 5 each.
JUDGE = judged("P", [(3, -1), (1, 1), (2, -2), (-1, -1), (2, 0)])
CHECK = judged("P", [(0.5, 0.5), (-0.1, -0.1), (1, 1), (-1, -1), (0, 0)])


def test_shares_by_hand() -> None:
    report = measure(JUDGE, CHECK, seed=0)
    (part,) = report.principles
    assert (part.principle, part.judgements, part.decided) == ("P", 5, 4)
    assert part.agreement == 2.5 / 4
    assert part.agreement not in (2 / 4, 3 / 4, 2 / 3, 2.5 / 5)  # a judge's tie: wrong, right, left out; all pairs
    assert (part.order_disagreement_rate, part.judge_zero_rate) == (2 / 5, 1 / 5)
    assert part.check_tie_rate == pytest.approx(1 / 5)
    assert report.overall == replace(part, principle="all")


def test_an_opposite_judge_is_as_wrong_as_the_other_is_right() -> None:
    opposite = [
        [replace(j, original_order=-j.original_order, swapped_order=-j.swapped_order) for j in row] for row in JUDGE
    ]
    assert measure(opposite, CHECK, 0).overall.agreement == 1.5 / 4


def test_overall_counts_every_decided_judgement_the_same() -> None:
    judge = beside(JUDGE, judged("Q", [(1, 1)] * 5))
    check = beside(CHECK, judged("Q", [(1, 1), (0, 0), (0, 0), (0, 0), (0, 0)]))
    report = measure(judge, check, 0)
    assert [p.agreement for p in report.principles] == [2.5 / 4, 1.0]
    assert report.overall.agreement == 3.5 / 5
    assert report.overall.agreement != pytest.approx((2.5 / 4 + 1) / 2)  # mutant: mean of the principles
    assert (report.overall.judgements, report.overall.decided) == (10, 5)


def test_principles_without_a_check_are_left_out_and_order_does_not_matter() -> None:
    other = judged("No check", [(-9, -9)] * 5)
    assert measure(beside(other, JUDGE), CHECK, 0) == measure(JUDGE, CHECK, 0)


def test_a_check_that_never_decides() -> None:
    report = measure(JUDGE, judged("P", [(0, 0)] * 5), 0)
    assert (report.overall.decided, report.overall.agreement, report.overall.low) == (0, None, None)
    assert as_metrics(report) == {
        "judge/order_disagreement_rate": 0.4,
        "judge/check_tie_rate": 1.0,
        "judge/P/order_disagreement_rate": 0.4,
        "judge/P/check_tie_rate": 1.0,
    }
    assert "| P | - | 0 / 5 |" in agreement_markdown(report)


# --- intervals ---------------------------------------------------------------------------------


def many(prompts: list[str]) -> AgreementReport:
    """Right on 60 of 100, in the order 30 right, 20 wrong, 30 right, 20 wrong."""
    right = ([1.0] * 30 + [-1.0] * 20) * 2
    rows = [[Judgement(prompt, "P", value, value)] for prompt, value in zip(prompts, right, strict=True)]
    return measure(rows, [[Judgement(prompt, "P", 1.0, 1.0)] for prompt in prompts], seed=1)


def test_interval_of_independent_pairs_is_the_binomial_one() -> None:
    part = many([f"p{n}" for n in range(100)]).overall
    assert part.agreement == 0.6 and part.low is not None and part.high is not None
    # 1.96 * sqrt(0.6 * 0.4 / 100) = 0.096, and shares come in steps of 0.01
    assert part.low == pytest.approx(0.504, abs=0.0151) and part.high == pytest.approx(0.696, abs=0.0151)


def test_pairs_of_one_prompt_stand_or_fall_together() -> None:
    """Ten prompts of ten equal pairs, six of them right: as uncertain as ten pairs, not as a hundred."""
    part = many([f"p{n // 10}" for n in range(100)]).overall
    assert part.agreement == 0.6
    assert (part.low, part.high) == (pytest.approx(0.3, abs=0.101), pytest.approx(0.9, abs=0.101))
    both_halves = many([f"p{n % 50}" for n in range(100)]).overall  # two equal pairs a prompt: sqrt 2 as wide
    assert both_halves.low == pytest.approx(0.464, abs=0.03) and both_halves.high == pytest.approx(0.736, abs=0.03)


def test_intervals_repeat_and_hold_their_share() -> None:
    rng = np.random.default_rng(3)
    noise = [(float(v), float(v)) for v in rng.normal(size=8)]
    first, second = (measure(judged("P", noise), judged("P", [(1, 1)] * 8), seed=5) for _ in range(2))
    assert first == second
    part = first.overall
    assert part.low is not None and part.agreement is not None and part.high is not None
    assert 0 <= part.low <= part.agreement <= part.high <= 1 and part.low < part.high


# --- bugs of the caller ------------------------------------------------------------------------


def test_judgements_of_other_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="different pairs"):
        measure(JUDGE, judged("P", [(1, 1)] * 5, prompts="abcde"[::-1]), 0)
    with pytest.raises(ValueError, match="different pairs"):
        measure(JUDGE, CHECK[:4], 0)
    with pytest.raises(ValueError, match="not judged"):
        measure(judged("Q", [(1, 1)] * 5), CHECK, 0)


# --- as the stage uses it ----------------------------------------------------------------------

BANK = Bank("test", (Principle("Kind", "It is kind."), Principle("Concise", "It is short.", check="concise")))
PAIRS = [
    Pair("p1", "Why?", "Because it is so.", "Because it is so, as you may know from your own long life."),
    Pair("p2", "Why?", "Who really knows that?", "Who really knows this?"),
]


def test_checks_are_run_for_the_principles_that_have_one() -> None:
    judgements = [[Judgement(p, "Kind", -1.0, -1.0), Judgement(p, "Concise", 2.0, 1.0)] for p in ("p1", "p2")]
    report = agreement_with_checks(PAIRS, judgements, BANK, seed=0)
    assert report is not None
    assert report.principles == (Agreement("Concise", 2, 1, 1.0, 1.0, 1.0, 0.0, 0.0, 0.5),)
    assert as_metrics(report) == {
        f"judge{name}/{metric}": value
        for name in ("", "/Concise")
        for metric, value in {
            "order_disagreement_rate": 0.0,
            "check_tie_rate": 0.5,
            "agreement": 1.0,
            "agreement_low": 1.0,
            "agreement_high": 1.0,
        }.items()
    }
    lines = agreement_markdown(report).splitlines()
    assert lines[2] == "| Concise | 1.000 (1.000 to 1.000) | 1 / 2 | 0.0% | 0.0% | 50.0% |"
    assert len({line.count("|") for line in lines}) == 1 and len(lines) == 4


def test_a_bank_without_checks_has_no_agreement() -> None:
    bank = replace(BANK, principles=BANK.principles[:1])
    judgements = [[Judgement(pair.prompt_id, "Kind", 1.0, 1.0)] for pair in PAIRS]
    assert agreement_with_checks(PAIRS, judgements, bank, 0) is None
