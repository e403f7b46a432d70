"""What becomes of the base's text under the rules: the answer that is kept, or why it was dropped."""

import pytest

from salmon.config.sft import FilterSettings
from salmon.data.rows import Prompt
from salmon.sft.self_align import FilteredAnswer, filtered

PROMPT = Prompt("p1", "Which fish swim upriver?")
SETTINGS = FilterSettings(min_answer_chars=8, max_prompt_overlap_chars=100, blocklist=["otter"])


@pytest.mark.parametrize(
    ("text", "finished", "answer", "reason"),
    [
        (" 1 (kind) apply.\nAnswer: Salmon and trout do.\n<<end>>", False, "Salmon and trout do.", None),
        (" 1 (kind) apply.\nAnswer: Salmon and trout do.", True, "Salmon and trout do.", None),
        (" 1 (kind) apply.\nAnswer: Salmon and trout do", False, None, "unfinished"),
        (" 1 (kind) apply. Salmon and trout do.", True, None, "no_answer"),
        (" 1 (kind) apply.\nAnswer: Salmon.", True, None, "too_short"),
        (" 1 (kind) apply.\nAnswer: An otter does.", True, None, "blocklisted"),
    ],
)
def test_an_answer_is_kept_or_dropped_for_a_reason(
    text: str, finished: bool, answer: str | None, reason: str | None
) -> None:
    found = filtered(PROMPT, {"text": text, "finished": finished}, SETTINGS)
    thought = "" if reason == "no_answer" else "Rules 1 (kind) apply."
    assert found == FilteredAnswer(PROMPT, thought, answer, text, reason)
