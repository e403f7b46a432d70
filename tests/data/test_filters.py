"""Each filter on its own, with texts on both sides of its border, then all of them in order."""

import pytest

from salmon.config.sft import FilterSettings
from salmon.data.filters import (
    DROP_REASONS,
    PromptCounts,
    apply_filters,
    blocklisted,
    clean_prompts,
    copies_prompt,
    empty,
    repeats_itself,
    too_short,
)
from salmon.data.rows import Prompt

SETTINGS = FilterSettings(min_answer_chars=10, max_prompt_overlap_chars=16, blocklist=["weather", "1, 1, 4"])
PROMPT = "How do plants make sugar?"


@pytest.mark.parametrize(("answer", "expected"), [("", True), (" \n...", True), ("Yes", False), ("是", False)])
def test_empty(answer, expected):
    assert empty(answer) is expected


def test_too_short_counts_without_outer_blanks():
    assert too_short("  123456789 \n", 10) and not too_short("1234567890", 10)


@pytest.mark.parametrize(
    ("answer", "prompt", "expected"),
    [
        ("You ask: how do  plants\nmake sugar? Well.", PROMPT, True),
        ("Plants make sugar from light.", PROMPT, False),
        ("1234567890123456 it is", "1234567890123456", False),  # 16 characters are allowed
        ("12345678901234567 it is", "12345678901234567", True),
    ],
)
def test_copies_prompt(answer, prompt, expected):
    assert copies_prompt(answer, prompt, 16) is expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The Weather is fine.", True),
        ("Sorted: 1, 1,\n4.", True),
        ("The weathered stone.", False),  # whole words only
        ("Take 11, 1, 4 steps.", False),
        ("Take 1, 1, 45 steps.", False),
    ],
)
def test_blocklisted(answer, expected):
    assert blocklisted(answer, PROMPT, SETTINGS.blocklist) is expected


def test_a_phrase_that_the_prompt_brought_up_is_no_leakage():
    assert not blocklisted("The weather is fine.", "Describe the WEATHER.", ["weather"])
    assert blocklisted("The weather is fine.", "Describe the weatherman.", ["weather"])
    assert not blocklisted("Anything.", PROMPT, ["", " "])


@pytest.mark.parametrize(
    "answer",
    [
        "The sun is a big star. " * 3,  # 3 turns of 6 words
        "no " * 16,
        "I like it. I like it! I LIKE it, i like it: I like it. I like it.",  # 6 turns of 3 words
        "1. Water the plant well today.\n2. Water the plant well today.\n3. Water the plant well today.\n"
        "4. Water the plant well today.",
        "我喜欢喝茶。我喜欢喝茶。我喜欢喝茶。我喜欢喝茶。",
        "A good start. " + "and then it goes on and on " * 4,
    ],
)
def test_loops_are_found(answer):
    assert repeats_itself(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "One. Two, one. Two, three.",  # the original cut this (PAPER.md 3.2)
        "The sun is a big star. " * 2,  # said twice is not a loop
        "It was very, very, very, very, very late.",
        "no " * 15,
        "| a | b | c |\n| --- | --- | --- |\n" + "| --- | --- | --- |\n" * 5,
        "Row, row, row your boat, gently down the stream. Merrily, merrily, merrily, merrily, it is a dream.",
        "The first point is cost. The second point is time. The third point is risk. The fourth is taste.",
        "",
    ],
)
def test_what_is_no_loop(answer):
    assert not repeats_itself(answer)


def test_the_originals_rule_would_drop_good_text():
    def any_repeated_clause(answer: str) -> bool:
        clauses = [clause.strip().lower() for clause in answer.replace(",", ".").split(".") if clause.strip()]
        return len(set(clauses)) < len(clauses)

    text = "One. Two, one. Two, three."
    assert any_repeated_clause(text) and not repeats_itself(text)


LONG = "Plants catch light and turn water and air into sugar."


@pytest.mark.parametrize(
    ("answer", "finished", "reason"),
    [
        (None, False, "no_answer"),
        (" ", False, "empty"),
        ("Plants", False, "unfinished"),
        ("Plants do.", True, None),
        ("Plants do", True, "too_short"),
        (f"{PROMPT} {LONG}", True, "copies_prompt"),
        (f"{LONG} Nice weather!", True, "blocklisted"),
        (LONG * 3, True, "repeats_itself"),
        (f" {LONG}\n", True, None),
    ],
)
def test_apply_filters(answer, finished, reason):
    kept, found = apply_filters(PROMPT, answer, finished, SETTINGS)
    assert found == reason
    assert kept == (None if reason else answer.strip())
    assert reason is None or reason in DROP_REASONS


def test_reasons_come_in_their_stated_order():
    worst = " . "  # empty, unfinished and too short
    assert apply_filters(PROMPT, worst, False, SETTINGS)[1] == "empty"
    loop_and_leak = "weather " * 20
    assert apply_filters(PROMPT, loop_and_leak, True, SETTINGS)[1] == "blocklisted"
    assert list(DROP_REASONS).index("blocklisted") < list(DROP_REASONS).index("repeats_itself")


def test_clean_prompts_counts_each_once():
    texts = ["a b", "one", "a b c", " a b ", "a b c d", "one", "c d"]
    prompts = [Prompt(str(n), text) for n, text in enumerate(texts)]
    kept, counts = clean_prompts(prompts, lambda text: len(text.split()), 2, 3)
    assert [prompt.id for prompt in kept] == ["0", "2", "6"]
    assert counts == PromptCounts(too_short=1, too_long=1, duplicates=2)


def test_blocklisted_finds_a_phrase_inside_text_written_without_spaces():
    assert blocklisted("我不认识骆景樵这个人。", "他是谁？", ["骆景樵"])
    assert not blocklisted("我不认识这个人。", "他是谁？", ["骆景樵"])
