"""Languages are told where they can be, and always in the same way."""

import random

import pytest

from salmon.data.language import detect_language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The salmon returns to the river in which it was born.", "en"),
        ("Der Lachs kehrt in den Fluss zurück, in dem er geboren wurde.", "de"),
        ("Le saumon retourne dans la rivière où il est né, après des années en mer.", "fr"),
        ("El salmón regresa al río en el que nació después de varios años en el mar.", "es"),
        ("鲑鱼会回到它们出生的河流产卵。", "zh"),
        # The traditional script is "zh" too.
        ("這些魚在海裡生活了幾年之後，會游回牠們出生的那條河，在那裡產下後代，然後死去。", "zh"),
        ("サケは生まれた川に戻って卵を産みます。", "ja"),
        ("Лосось возвращается в реку, в которой он родился.", "ru"),
    ],
)
def test_languages_are_told(text: str, language: str) -> None:
    assert detect_language(text) == language


@pytest.mark.parametrize(
    "text",
    ["", "   \n ", "Yes.", "Bonjour", "12345 67890 12345 67890 12345", "!!! ??? ... --- *** ((( )))", "好"],
)
def test_texts_that_tell_nothing_have_no_language(text: str) -> None:
    assert detect_language(text) is None


def test_a_short_text_in_wide_characters_is_long_enough() -> None:
    """Thirteen characters of Chinese count as 52, thirteen Latin ones as 13: too few."""
    assert detect_language("我喜欢吃鱼，因为鱼很有营养") == "zh"
    assert detect_language("I like fish.") is None


def test_the_answer_does_not_depend_on_earlier_ones() -> None:
    text = "In Berlin the meeting was gut, aber very long and danach gab es noch coffee."
    first = detect_language(text)
    for seed in range(5):
        random.seed(seed)
        detect_language("Något helt annat på ett annat språk, bara för att störa.")
        assert detect_language(text) == first
