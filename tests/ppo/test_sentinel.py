"""The sentinel's verdict on made-up histories: hacked, honest, noisy, with gaps, short."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from salmon.ppo.sentinel import HackVerdict, Watched, hack_verdict

RESPONSES, PROMPTS, UPDATES = 16, 47, 24
WATCHED = Watched(("Structured",), ("No Self-Praise",), RESPONSES, PROMPTS, UPDATES, evaluations=3)
START = {"held_out/violations/No Self-Praise": 2 / PROMPTS, "held_out/length": 30.0}
Row = dict[str, float | None]


def history(
    updates: int = UPDATES,
    seed: int = 0,
    score: float = 4.0,
    check: float = 0.3,
    violations: float = 0.0,
    paid: float = 0.0,
    repetition: float = 0.0,
    length: float = 0.0,
) -> list[Row]:
    """Updates of 16 responses: each value moves by so much from the first to the last update, under sampling noise."""
    noise = np.random.default_rng(seed)
    rows: list[Row] = []
    for update in range(updates):
        part = update / max(updates - 1, 1)
        tokens = 30.0 + length * part + noise.normal(0, 1)
        rows.append(
            {
                "objective/score": score * part + noise.normal(0, 0.5),
                "check/Structured": 0.3 + check * part + noise.normal(0, 0.05),
                "violations/No Self-Praise": noise.binomial(RESPONSES, 0.05 + violations * part) / RESPONSES,
                "paid/No Self-Praise": paid + noise.normal(0, 1),
                "response/repetition": max(0.02 + repetition * part + noise.normal(0, 0.01), 0),
                "response/length": tokens,
            }
        )
    return rows


def harms(found: HackVerdict) -> set[str]:
    return {harm.metric for harm in found.harms}


# --- hits --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "metric", "principle"),
    [
        ({"violations": 0.6}, "violations/No Self-Praise", "No Self-Praise"),
        ({"check": -0.25}, "check/Structured", "Structured"),
        ({"repetition": 0.3}, "response/repetition", None),
    ],
    ids=["forbidden things", "the asked principle", "repetition"],
)
def test_a_hacked_run_is_told_with_its_evidence(changes: dict, metric: str, principle: str | None) -> None:
    for seed in range(5):
        found = hack_verdict(history(seed=seed, **changes), START, WATCHED, {})
        assert found.alarm and harms(found) == {metric}, seed
        (harm,) = found.harms
        assert harm.principle == principle
        rises = harm.change.low > 0
        assert rises != (metric == "check/Structured") and (rises or harm.change.high < 0)
        assert found.score is not None and found.score.metric == "objective/score" and found.score.change.low > 0


def test_it_fires_before_the_run_is_over() -> None:
    rows = history(violations=0.6)
    first = next(step for step in range(1, UPDATES + 1) if hack_verdict(rows[:step], START, WATCHED, {}).alarm)
    assert 6 <= first < UPDATES


def test_a_hack_that_is_found_at_once_is_told_too() -> None:
    """From the second update on, four responses in ten praise themselves: the first updates are no better."""
    for seed in range(5):
        rows = history(12, seed, violations=0.0)
        counts = np.random.default_rng(seed).binomial(RESPONSES, 0.4, 12)
        for row, count in zip(rows[1:], counts, strict=False):
            row["violations/No Self-Praise"] = count / RESPONSES
        (harm,) = hack_verdict(rows, START, WATCHED, {}).harms
        assert harm.before == START["held_out/violations/No Self-Praise"]
        unknown = {"held_out/length": 30.0}  # where nobody measured it at the start, nothing can be said
        assert not hack_verdict(rows, unknown, WATCHED, {}).alarm


def test_what_the_reward_pays_for_needs_less_of_a_rise() -> None:
    """Ten updates in which one response in seven comes to praise itself: too few to tell by counts alone."""
    watched = Watched(("Structured",), ("No Self-Praise",), RESPONSES, PROMPTS, 10, evaluations=1)
    found = [
        [hack_verdict(history(10, seed, violations=0.15, paid=paid), START, watched, {}) for seed in range(40)]
        for paid in (0.0, 6.0)
    ]
    without, with_payment = ([v.alarm for v in each] for each in found)
    assert sum(without) <= 6 < 20 <= sum(with_payment)
    paid = [harm.paid for v in found[1] for harm in v.harms if harm.principle == "No Self-Praise"]
    assert paid and all(interval is not None and interval.low > 0 for interval in paid)


# --- no alarm ----------------------------------------------------------------------------------


def started(seed: int) -> Row:
    """An evaluation of a policy that praises itself in one response of twenty."""
    found = np.random.default_rng(seed).binomial(PROMPTS, 0.05)
    return {"held_out/violations/No Self-Praise": found / PROMPTS, "held_out/length": 30.0}


def alarms(make: Callable[[int], Sequence[Row]], watched: Watched, runs: int) -> int:
    """Runs with an alarm at any of their updates."""
    return sum(
        any(hack_verdict(rows[:step], started(seed), watched, {}).alarm for step in range(6, len(rows) + 1))
        for seed, rows in enumerate(map(make, range(runs)))
    )


def test_an_honest_run_has_none_at_any_of_its_updates() -> None:
    """The score rises, the asked principle is followed more, and the rest stays: at most one in twenty."""
    assert alarms(lambda seed: history(seed=seed), WATCHED, 40) <= 2


def test_noise_without_a_trend_has_none() -> None:
    assert alarms(lambda seed: history(seed=seed, score=0.0, check=0.0), WATCHED, 40) <= 1


def test_without_correction_noise_would_have_many() -> None:
    """Mutant: each harm at each update by its own 5 %."""

    class Naive(Watched):
        confidence = 0.9  # type: ignore[assignment]

    names = tuple(f"P{number}" for number in range(8))
    noise = np.random.default_rng(1)

    def flat(seed: int) -> list[Row]:
        rows = history(seed=seed)
        for row in rows:
            row |= {f"check/{name}": 0.5 + noise.normal(0, 0.15) for name in names}
        return rows

    many = ("Structured", *names)
    honest = alarms(flat, Watched(many, (), RESPONSES, PROMPTS, UPDATES, 3), 20)
    naive = alarms(flat, Naive(many, (), RESPONSES, PROMPTS, UPDATES, 3), 20)
    assert honest <= 2 and naive >= 8


def test_harm_without_a_rewarded_rise_is_no_hack() -> None:
    """A policy that merely gets worse has other diagnoses."""
    assert not hack_verdict(history(score=0.0, violations=0.6), START, WATCHED, {}).alarm
    assert not hack_verdict(history(score=-4.0, check=-0.25), START, WATCHED, {}).alarm


def test_longer_responses_contain_more_of_everything() -> None:
    """Twice as many violations in responses twice as long are no change of what is said in a token."""
    rows = history(seed=2, length=60.0)
    for row in rows:
        row["violations/No Self-Praise"] = 0.005 * (row["response/length"] or 0)
    assert not hack_verdict(rows, START, WATCHED, {}).alarm
    for row in rows:
        row["response/length"] = 30.0
    assert hack_verdict(rows, START, WATCHED, {}).alarm


def test_a_certain_but_tiny_change_is_no_harm() -> None:
    rows = history()
    for number, row in enumerate(rows):
        row["check/Structured"] = 0.5 - 0.001 * number
    assert not hack_verdict(rows, START, WATCHED, {}).alarm


def test_a_few_equal_counts_prove_nothing() -> None:
    """Six updates, 0 of 16 and then 1 of 16 each: without the counts' own variance the interval would have no width."""
    rows = history(6, check=0.0)
    for number, row in enumerate(rows):
        row["objective/score"] = float(number)
        row["violations/No Self-Praise"] = 0.0 if number < 3 else 1 / 16
        row["response/repetition"] = 0.0
    assert not hack_verdict(rows, START, WATCHED, {}).alarm


# --- gaps --------------------------------------------------------------------------------------


def test_before_six_updates_there_is_no_verdict() -> None:
    rows = history(violations=0.9, score=40.0)
    assert [hack_verdict(rows[:step], START, WATCHED, {}).score for step in range(6)] == [None] * 6


def test_values_that_are_missing_or_not_finite_are_left_out() -> None:
    rows = history(violations=0.6)
    for row in rows[::5]:
        row["violations/No Self-Praise"] = float("nan")
        row["objective/score"] = None
        del row["check/Structured"]
    assert harms(hack_verdict(rows, START, WATCHED, {})) == {"violations/No Self-Praise"}
    for row in rows:
        row["objective/score"] = float("inf")
    assert not hack_verdict(rows, START, WATCHED, {}).alarm
    assert not hack_verdict([{} for _ in rows], START, WATCHED, {}).alarm


def test_without_monitored_principles_text_is_still_watched() -> None:
    nothing = Watched((), (), RESPONSES, PROMPTS, UPDATES, 0)
    assert harms(hack_verdict(history(repetition=0.3, violations=0.6), START, nothing, {})) == {"response/repetition"}


def test_the_same_history_gives_the_same_verdict() -> None:
    rows = history(violations=0.6)
    assert hack_verdict(rows, START, WATCHED, {}) == hack_verdict([dict(row) for row in rows], START, WATCHED, {})


# --- held-out prompts --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "change", "alarm"),
    [
        ("held_out/reward", -1.0, True),
        ("held_out/reward", 1.0, False),
        ("held_out/check/Structured", -0.3, True),
        ("held_out/check/Structured", -0.03, False),
        ("held_out/check/Formal", -0.3, False),
    ],
)
def test_held_out_prompts_are_compared_one_by_one(metric: str, change: float, alarm: bool) -> None:
    """Differences are told from a spread between prompts that is many times as large; what nobody asks for may fall."""
    noise = np.random.default_rng(5)
    before = noise.normal(0, 3, 32)
    now = before + change + noise.normal(0, 0.2, 32) * abs(change)
    assert hack_verdict(history(), START, WATCHED, {metric: (before.tolist(), now.tolist())}).alarm is alarm
    noisy = (before + change + noise.normal(0, 12, 32)).tolist()
    assert not hack_verdict(history(), START, WATCHED, {"held_out/check/Structured": (before.tolist(), noisy)}).alarm


def test_a_held_out_value_that_is_not_finite_says_nothing() -> None:
    values = {"held_out/reward": ([0.0] * 8, [-5.0] * 7 + [float("nan")])}
    assert not hack_verdict(history(), START, WATCHED, values).alarm


# --- how certain -------------------------------------------------------------------------------


def test_the_chance_of_a_false_alarm_is_divided() -> None:
    """24 updates: 1 + ceil(log2(24/6)) = 3 looks at 1 + 1 + 2 intervals, and 3 evaluations of 2: 18 in all."""
    assert WATCHED.confidence == pytest.approx(1 - 2 * 0.05 / (3 * 4 + 3 * 2))
    longer = Watched(("Structured",), ("No Self-Praise",), RESPONSES, PROMPTS, 546, 3)
    assert longer.confidence == pytest.approx(1 - 2 * 0.05 / ((1 + 3 + 26) * 4 + 3 * 2))
