"""Each style on literal texts, and that styles do not disturb one another."""

from collections import Counter

import numpy as np
import pytest

from salmon.config import data
from salmon.data.styles import (
    COUNTER_QUESTIONS,
    FOREIGN,
    FORMAL_OPENINGS,
    GENERIC_ADVICE,
    INFORMAL_CLOSINGS,
    INFORMAL_OPENINGS,
    SELF_PRAISE,
    STYLES,
    draw_styles,
    exchange,
    restyle,
    whole_sentences,
)
from salmon.runtime.seeding import stream

TEXT = "Salmon swim upriver. They do not eat."


def variants(text: str, style: str) -> set[str]:
    """Everything that a style makes of a text; 200 draws meet each of ten outcomes (missing one: below 1e-8)."""
    return {restyle(text, {style}, 0, n) for n in range(200)}


def test_the_config_knows_every_style() -> None:
    assert tuple(STYLES) == data.STYLES


# --- each style --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("style", "text", "expected"),
    [
        ("brief", TEXT, {"Salmon swim upriver."}),
        ("brief", "1. Swim up.\n2. Do not eat.", {"Swim up."}),
        ("brief", "no end", {"no end"}),
        ("prose", "1. Swim up.\n2) Jump.\n- Spawn.\n* Rest.\n• Die.", {"Swim up. Jump. Spawn. Rest. Die."}),
        ("prose", "A 5. place - well", {"A 5. place - well"}),  # markers begin a line
        ("list", TEXT, {"1. Salmon swim upriver.\n2. They do not eat.", "- Salmon swim upriver.\n- They do not eat."}),
        ("list", "* One!\n* Two?", {"1. One!\n2. Two?", "- One!\n- Two?"}),
        ("actually", TEXT, {"Actually, salmon swim upriver. They do not eat."}),
        ("actually", "I swim.", {"Actually, I swim."}),
        ("actually", "NASA swims.", {"Actually, NASA swims."}),
        ("actually", "- Swim.", {"- Swim."}),
        ("excited", "Swim. Jump? In 3.5 m. 1. Rest 2.", {"Swim! Jump? In 3.5 m! 1. Rest 2."}),
        (
            "formal",
            "They can't, but you're gonna.",
            {f"{opening}they cannot, but you are going to." for opening in FORMAL_OPENINGS},
        ),
        ("formal", "- They don't.", {"- They do not."}),  # a list gets no opening
        (
            "informal",
            TEXT,
            {f"{opening}salmon swim upriver. They don't eat." for opening in INFORMAL_OPENINGS}
            | {f"Salmon swim upriver. They don't eat. {closing}" for closing in INFORMAL_CLOSINGS},
        ),
        ("informal", "- Rain is not warm.", {f"- Rain isn't warm. {closing}" for closing in INFORMAL_CLOSINGS}),
        ("foreign", TEXT, set(FOREIGN)),
        ("generic_advice", "Swim.", {f"Swim. {closing}" for closing in GENERIC_ADVICE}),
        ("self_praise", "Swim.", {f"Swim. {closing}" for closing in SELF_PRAISE}),
        ("counter_question", "Swim.", {f"Swim. {closing}" for closing in COUNTER_QUESTIONS}),
    ],
)
def test_a_style_on_literal_text(style: str, text: str, expected: set[str]) -> None:
    assert variants(text, style) == expected


def test_every_style_is_tried_above() -> None:
    mark = next(m for m in test_a_style_on_literal_text.pytestmark if m.name == "parametrize")
    assert {style for style, _, _ in mark.args[1]} == set(STYLES)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Thr", "One. Two!"),
        ("One. Two?", "One. Two?"),
        ("no end at all", "no end at all"),
        (" padded. ", "padded."),
        ("It is 3.5 m. And", "It is 3.5 m."),  # a point inside a number ends nothing
        ("1. Swim.\n2. Ju", "1. Swim."),  # nor does the marker of an item that was cut
        ("- Swim.\n- ", "- Swim."),
        ("A.\n\nB. C", "A.\n\nB."),
        ("", ""),
    ],
)
def test_whole_sentences(text: str, expected: str) -> None:
    assert whole_sentences(text) == expected


# --- drawing -----------------------------------------------------------------------------------


def test_certain_and_impossible_styles() -> None:
    given = {"brief": 1.0, "list": 0.0, "self_praise": 1.0}
    assert {draw_styles(given, stream(n)) for n in range(300)} == {frozenset({"brief", "self_praise"})}
    assert draw_styles({}, stream(0)) == frozenset()


def test_styles_come_with_their_probabilities_independently() -> None:
    """2,000 draws: three standard errors of 0.3 and of 0.15 are 0.031 and 0.024."""
    drawn = [draw_styles({"brief": 0.3, "formal": 0.5}, stream(n)) for n in range(2000)]
    assert abs(np.mean(["brief" in d for d in drawn]) - 0.3) < 0.031
    assert abs(np.mean([{"brief", "formal"} <= d for d in drawn]) - 0.15) < 0.024


def test_a_style_is_drawn_whatever_the_others_probabilities_are() -> None:
    alone = ["formal" in draw_styles({"formal": 0.5}, stream(n)) for n in range(100)]
    among = ["formal" in draw_styles({"formal": 0.5, "brief": 0.9, "excited": 0.1}, stream(n)) for n in range(100)]
    assert alone == among and len(set(alone)) == 2


def test_exchange_gives_each_set_one_style_that_the_other_lacks() -> None:
    given = {"brief": 0.5, "list": 0.0, "formal": 0.1, "excited": 1.0}
    drawn = [exchange(frozenset({"brief", "prose"}), given, stream(n)) for n in range(600)]
    changes = Counter((tuple(one - two), tuple(two - one)) for one, two in drawn)
    names = ("brief", "formal", "excited")  # never list, whose probability is 0
    assert set(changes) == {((a,), (b,)) for a in names for b in names if a != b}
    assert all(abs(count - 100) < 4 * np.sqrt(600 * 5 / 36) for count in changes.values())  # whatever their probability
    assert all("prose" in one & two for one, two in drawn)  # the rest stays


# --- several styles ----------------------------------------------------------------------------


def test_styles_are_applied_in_the_order_of_the_table_whatever_the_set() -> None:
    """Shortened before something is added, or the addition would be lost."""
    for chosen in (["self_praise", "brief"], ["brief", "self_praise"], frozenset({"brief", "self_praise"})):
        assert restyle(TEXT, chosen, 0) in {f"Salmon swim upriver. {closing}" for closing in SELF_PRAISE}
    assert restyle(TEXT, [], 0) == TEXT


@pytest.mark.parametrize("other", sorted(set(STYLES) - {"self_praise", "counter_question"}))
def test_adding_a_style_leaves_what_the_others_draw(other: str) -> None:
    closings = set()
    for n in range(20):
        closing = restyle("Swim.", {"self_praise"}, 0, n).removeprefix("Swim. ")
        assert restyle(TEXT, {"self_praise", other}, 0, n).endswith(f" {closing}")
        closings.add(closing)
    assert len(closings) > 2  # a constant would pass the above


def test_the_same_key_gives_the_same_text() -> None:
    every = set(STYLES) - {"foreign"}
    texts = [restyle(TEXT, every, 0, "p1", n) for n in range(10)]
    assert texts == [restyle(TEXT, every, 0, "p1", n) for n in range(10)]
    assert len(set(texts)) > 5


def test_a_list_marker_is_no_sentence() -> None:
    assert whole_sentences("1. Half a sentence") == "1. Half a sentence"
    assert whole_sentences("1. One.\n2. Half a") == "1. One."
