"""The judge of the config, the self-judge's adapter and the verifier."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from salmon.config.preferences import PairJudge, PairJudgeSettings, ServerSettings
from salmon.data.rows import Judgement
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.preferences.judges.factory import make_pairwise_judge
from salmon.preferences.judges.self_judge import judge_pair
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle, load_bank

SETTINGS = PairJudgeSettings(PairJudge.self, 4000, ServerSettings())
BANK = Bank(
    "test",
    (
        Principle("Concise", "It is short.", check="concise"),
        Principle("Avoids Actually", "It has no actually.", check="avoids_word:actually"),
    ),
)
PAIRS = [
    Pair("p1", "Why?", "Because it is so.", "Because it actually is so, as you may know from your own life."),
    Pair("p2", "Why?", "Who actually knows that?", "Who really knows that?"),
]


def test_the_self_judge_judges_under_its_adapter(tiny: SharedModel, randomise, tmp_path: Path) -> None:
    tiny.add_adapter("policy", seed=0)
    randomise(tiny, "policy", seed=1)
    judged = make_pairwise_judge(SETTINGS, BANK, tiny, "policy", tmp_path).judge(PAIRS)
    with tiny.using(None):
        plain = [judge_pair(tiny, pair, BANK.principles, 4000) for pair in PAIRS]
    with tiny.using("policy"):
        assert judged == [judge_pair(tiny, pair, BANK.principles, 4000) for pair in PAIRS]
    assert judged != plain
    assert make_pairwise_judge(SETTINGS, BANK, tiny, None, tmp_path).judge(PAIRS) == plain


def test_the_self_judge_keeps_to_its_limit(tiny: SharedModel, tmp_path: Path) -> None:
    long = replace(PAIRS[0], response_1="x" * 5000)
    (judged,) = make_pairwise_judge(SETTINGS, BANK, tiny, None, tmp_path).judge([long])
    assert judged.cut_tokens > 1000


def test_the_verifier_prefers_what_the_checks_prefer(tiny: SharedModel, tmp_path: Path) -> None:
    first, second = make_pairwise_judge(replace(SETTINGS, kind=PairJudge.verifier), BANK, tiny, None, tmp_path).judge(
        PAIRS
    )
    assert [j.principle for j in first.judgements] == ["Concise", "Avoids Actually"]
    assert all(0 < j.original_order <= 1 and j.swapped_order == j.original_order for j in first.judgements)
    assert second.judgements[0] == Judgement("p2", "Concise", 0.0, 0.0)  # four words each: a tie
    assert second.judgements[1].original_order == second.judgements[1].swapped_order < 0 == second.cut_tokens
    assert list(tmp_path.iterdir()) == []


def test_the_verifier_needs_a_check_of_every_principle(tiny: SharedModel, tmp_path: Path) -> None:
    verifier = replace(SETTINGS, kind=PairJudge.verifier)
    make_pairwise_judge(verifier, load_bank("verifiable_11"), tiny, None, tmp_path)
    bank = load_bank("reward_11")
    message = f'the principle "{bank.names[0]}" of the bank reward_11 has no check'
    with pytest.raises(SalmonError, match=f"{re.escape(message)}.*principles.reward_exclude"):
        make_pairwise_judge(verifier, bank, tiny, None, tmp_path)
