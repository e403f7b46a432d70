"""The places of a response that a check counts, in the response as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salmon.principles.verifiers import CHECKS, counted_spans
from salmon.principles.verifiers.text import plain, plain_places


@pytest.mark.parametrize(
    ("check", "response", "counted"),
    [
        ("formal", "Hey, furthermore it\u2019s `gonna` so", ["Hey", "furthermore", "it\u2019s"]),
        ("formal", "```\nhey\n```\nMoreover, ok", ["Moreover", "ok"]),
        ("no_exclamation", "Yes! No!", ["!", "!"]),
        ("structured", "# Head\n- one\n- two", ["# ", "- ", "- "]),
        ("no_digits", "In 1,000 days \uff13 cats", ["1,000", "\uff13"]),
        ("avoids_word:actually", "Actually, no. factually", ["Actually"]),
        ("no_self_praise", "I hope\u200b this helps you", ["I hope\u200b this helps"]),
        ("concise", "one two", []),
    ],
)
def test_the_words_that_are_counted(check: str, response: str, counted: list[str]) -> None:
    assert [response[start:end] for start, end in counted_spans(check, response)] == counted


@given(st.text(alphabet="ab`~\n '\u2019\u201c\u00e9\u0301\ufb01\u200b\uff21-", max_size=40))
def test_places_are_those_of_the_plain_text(text: str) -> None:
    found = plain_places(text)
    if found is not None:
        shown, places = found
        assert shown == plain(text) and len(places) == len(shown)
        assert places == sorted(places) and all(0 <= place < len(text) for place in places)


def test_a_check_that_counts_words_has_patterns() -> None:
    without = {name for name, check in CHECKS.items() if not check.patterns}
    assert without == {
        "concise",
        "comprehensive",
        "user_language",
        "exact_count",
        "no_counter_question",
        "counter_question",
        "brief_sentences",
    }
