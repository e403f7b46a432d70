"""A prompt's text decides whether it may be trained on: not its id, its source, its place or a seed."""

import unicodedata

import pytest

from salmon.config.data import OnBadLine
from salmon.data.sources import load_prompts
from salmon.data.split import is_held_out, split_by_prompt, training_rows
from salmon.errors import SalmonError

TEXTS = [f"What is {n} times {n + 1}?" for n in range(4000)]
SAME = {
    "spaces": "  How do I\tcalm   a toddler \n who cries? ",
    "case": "HOW DO I CALM A TODDLER WHO CRIES?",
    "full width": "Ｈｏｗ ｄｏ Ｉ ｃａｌｍ ａ ｔｏｄｄｌｅｒ ｗｈｏ ｃｒｉｅｓ？",
    "no full stop": "How do I calm a toddler who cries",
    "quotes": "“How do I calm a toddler who cries?”",
    "zero width": "How do I calm a tod\u200bdler who\u00a0cries?",
    "line ends": "How do I calm a toddler\r\nwho cries?",
    "byte order mark": "\ufeffHow do I calm a toddler who cries?",
}


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5, 0.95])
def test_the_share_is_that_of_many_prompts(share: float) -> None:
    split = split_by_prompt(TEXTS, str, share)
    assert abs(len(split.held_out) / len(TEXTS) - share) < 4 * (share * (1 - share) / len(TEXTS)) ** 0.5 + 1e-9
    assert sorted(split.training + split.held_out) == sorted(TEXTS) and split.all == len(TEXTS)
    assert [text for text in TEXTS if text in set(split.held_out)] == split.held_out  # in the given order


def test_a_larger_share_keeps_what_a_smaller_one_holds_out() -> None:
    few, many = (set(split_by_prompt(TEXTS, str, share).held_out) for share in (0.1, 0.3))
    assert few < many


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_the_same_words_are_on_the_same_side(text: str) -> None:
    """Of 99 thresholds none tells them apart, so their positions are equal."""
    shares = [step / 100 for step in range(1, 100)]
    sides = [is_held_out("How do I calm a toddler who cries?", share) for share in shares]
    assert [is_held_out(text, share) for share in shares] == sides and any(sides)


def test_composed_and_decomposed_letters_are_the_same() -> None:
    for text in ("Erkläre Überhänge.", "¿Qué es la fotosíntesis?", "各地的茶が"):
        forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD", "NFKC", "NFKD")]
        assert len({tuple(is_held_out(form, share / 50) for share in range(50)) for form in forms}) == 1


def test_it_is_the_same_everywhere_and_always() -> None:
    """Pinned: another hash, key or normal form would move prompts from one side to the other between two versions."""
    split = split_by_prompt(load_prompts("bundled", OnBadLine.stop), lambda row: row.prompt, 0.2)
    assert (len(split.training), len(split.held_out)) == (193, 47)
    assert [row.id for row in split.held_out[:6]] == ["p007", "p008", "p019", "p028", "p029", "p033"]
    assert {
        kind: sum(row.type == kind for row in split.held_out) for kind in ("general", "reasoning", "red_teaming")
    } == {
        "general": 30,
        "reasoning": 9,
        "red_teaming": 8,
    }


@pytest.mark.parametrize("text", ["", "?!", "🙂🙂", "\ud83d", "a\x00b", "é" * 100_000])
def test_any_text_has_a_side(text: str) -> None:
    assert not is_held_out(text, 0.0) and is_held_out(text, 1.0)


def test_given_rows_of_held_out_prompts_are_left_out(caplog) -> None:
    caplog.set_level("INFO", logger="salmon")
    left = training_rows(TEXTS[:100], str, 0.3, "rows.jsonl")
    assert left == split_by_prompt(TEXTS[:100], str, 0.3).training
    assert f"rows.jsonl: {100 - len(left)} of 100 rows are left out" in caplog.text
    held_out = split_by_prompt(TEXTS, str, 0.3).held_out
    with pytest.raises(SalmonError, match="rows.jsonl: prompts.held_out=0.3 holds out the prompts of all 3 rows"):
        training_rows(held_out[:3], str, 0.3, "rows.jsonl")
