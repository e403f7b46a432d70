"""The learning curve's figures on margins with known answers."""

import pytest

from salmon.data.rows import PreferenceRow, ShownGuideline
from salmon.principles.bank import Bank, Principle
from salmon.reward.probes import following, probes_of_pairs, reworded


def probe(pair: int, name: str, negated: bool) -> PreferenceRow:
    """Response 1 should win under the principle, response 2 under its negation."""
    return PreferenceRow(
        id=f"{pair}-{name}-{negated}",
        prompt_id=f"p{pair}",
        prompt="Why?",
        response_1="a",
        response_2="b",
        guidelines=(ShownGuideline(name, negated, name),),
        scores=(1.0,),
        label=2 if negated else 1,
        decided_by="",
        flipped=False,
        split="held_out",
    )


PROBES = [probe(pair, name, negated) for pair in range(4) for name in ("Short", "Kind") for negated in (False, True)]


def test_a_model_that_ignores_principles_is_right_once_and_never_turns() -> None:
    """It prefers response 1 whatever it reads."""
    margins = [-1.0 if row.guidelines[0].negated else 1.0 for row in PROBES]
    assert following(PROBES, margins) == {"asserted": 1.0, "negated": 0.0, "flip_rate": 0.0}


def test_a_model_that_obeys_and_one_that_does_the_opposite_both_turn() -> None:
    assert following(PROBES, [0.5] * 16) == {"asserted": 1.0, "negated": 1.0, "flip_rate": 1.0}
    assert following(PROBES, [-0.5] * 16) == {"asserted": 0.0, "negated": 0.0, "flip_rate": 1.0}


def test_principles_count_alike_and_a_margin_of_nothing_is_half_right() -> None:
    probes = [*PROBES[:2], *(probe(pair, "Kind", False) for pair in range(3))]
    found = following(probes, [0.0, 1.0, -1.0, -1.0, 1.0])
    assert found == {"asserted": pytest.approx((0.5 + 1 / 3) / 2), "negated": 1.0, "flip_rate": 0.0}


def test_no_probes_have_no_figures() -> None:
    assert following([], []) == {}


def test_all_probes_of_some_pairs() -> None:
    some = probes_of_pairs(PROBES, 2, seed=0)
    assert len(some) == 8 and len({row.prompt_id for row in some}) == 2
    assert probes_of_pairs(PROBES, 2, seed=0) == some
    assert {probes_of_pairs(PROBES, 1, seed)[0].prompt_id for seed in range(40)} == {"p0", "p1", "p2", "p3"}
    assert sorted(row.id for row in probes_of_pairs(PROBES, 9, seed=0)) == sorted(row.id for row in PROBES)


def test_other_words_for_the_same_question() -> None:
    bank = Bank("other", (Principle("Short", "Few words.", "Many words."), Principle("Safe", "No harm.")))
    other = reworded(PROBES[:4], bank)
    assert [row.guidelines[0].text for row in other] == ["Few words.", "Many words."]
    assert [(row.label, row.guidelines[0].negated) for row in other] == [(1, False), (2, True)]
