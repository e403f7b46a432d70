"""Emoji in an answer."""

import numpy as np
import pytest

from salmon.principles.parametric.families.emoji import EMOJI_SIGNS
from tests.principles.parametric.answers import share_that_differs, share_where_more_is_longer


@pytest.mark.parametrize(("text", "count"), [("Hi \U0001f600\U0001f600 \u2600\ufe0f", 3), (":-) caf\u00e9 \u2014", 0)])
def test_emoji_are_counted(text: str, count: int) -> None:
    assert EMOJI_SIGNS.measure("", text, "") == count


def test_edits_differ_whichever_is_longer() -> None:
    assert share_that_differs(EMOJI_SIGNS) == 1
    assert share_where_more_is_longer(EMOJI_SIGNS) < 0.9


def test_the_other_answer_loses_the_emoji_it_had() -> None:
    others = [EMOJI_SIGNS.edit("", "Fine \u2600\ufe0f day", "", np.random.default_rng(seed))[1] for seed in range(20)]
    assert any(other == "Fine day" for other in others)
