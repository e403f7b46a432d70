"""Which prompts and which Self-Align answers are dropped, and why (PAPER.md 2.1).

Where this differs from the original's answer filters:
- Unfinished answers are dropped; the original kept them without their last word. Our training answers
  end with the end token, so they would teach stopping mid-sentence.
- A repetition is a loop of at least three turns; the original cut every answer at its first repeated
  clause (PAPER.md 3.2).
- A blocklisted phrase is leakage only if the prompt did not bring it up, and only as whole words.
- Copying is found in spite of other spacing or capitals.
- There is no fixed sentence of self-identification, no renaming and no hand-written identity dialogue.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from salmon.config.sft import FilterSettings
from salmon.data.rows import Prompt

# Reasons for dropping an answer, in the order in which they are looked for.
DROP_REASONS = (
    "no_answer",
    "empty",
    "unfinished",
    "too_short",
    "copies_prompt",
    "blocklisted",
    "repeats_itself",
)

LOOP_TURNS = 3  # a loop is this many equal pieces in a row ...
LOOP_WORDS = 16  # ... that together have this many words ("very, very, very" is none)
LONGEST_PIECE = 60  # words
# A word; a single character of scripts written without spaces.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
_WORD = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]+")
_LIST_MARKER = re.compile(r"^\s*(?:\d+[.)]|[-*])\s+", re.MULTILINE)


@dataclass(frozen=True)
class PromptCounts:
    """Prompts that were dropped, each counted once (a repeated text as a duplicate only)."""

    too_short: int
    too_long: int
    duplicates: int


def clean_prompts(
    prompts: Iterable[Prompt], count_tokens: Callable[[str], int], min_tokens: int, max_tokens: int
) -> tuple[list[Prompt], PromptCounts]:
    """Keep the first of equal texts, and lengths from ``min_tokens`` to ``max_tokens`` (both included)."""
    kept: list[Prompt] = []
    seen: set[str] = set()
    duplicates = too_short = too_long = 0
    for prompt in prompts:
        text = prompt.prompt.strip()
        if text in seen:
            duplicates += 1
            continue
        seen.add(text)
        tokens = count_tokens(text)
        if tokens < min_tokens:
            too_short += 1
        elif tokens > max_tokens:
            too_long += 1
        else:
            kept.append(prompt)
    return kept, PromptCounts(too_short, too_long, duplicates)


def apply_filters(
    prompt: str, answer: str | None, finished: bool, settings: FilterSettings
) -> tuple[str | None, str | None]:
    """(the answer, None) if it is kept, (None, the first of ``DROP_REASONS`` that holds) if not.

    Args:
        answer: ``None`` where the model's text had no answer part.
        finished: the model closed the answer itself.
    """
    if answer is None:
        return None, "no_answer"
    checks = {
        "empty": empty(answer),
        "unfinished": not finished,
        "too_short": too_short(answer, settings.min_answer_chars),
        "copies_prompt": copies_prompt(answer, prompt, settings.max_prompt_overlap_chars),
        "blocklisted": blocklisted(answer, prompt, settings.blocklist),
        "repeats_itself": repeats_itself(answer),
    }
    reason = next((reason for reason, holds in checks.items() if holds), None)
    return (answer.strip(), None) if reason is None else (None, reason)


def empty(answer: str) -> bool:
    """Nothing in it but spaces and punctuation."""
    return not re.search(r"\w", answer)


def too_short(answer: str, min_chars: int) -> bool:
    return len(answer.strip()) < min_chars


def copies_prompt(answer: str, prompt: str, max_overlap_chars: int) -> bool:
    """The whole prompt, if longer than ``max_overlap_chars``, occurs in the answer."""
    copied = _normal(prompt)
    return len(copied) > max_overlap_chars and copied in _normal(answer)


def blocklisted(answer: str, prompt: str, phrases: Sequence[str]) -> bool:
    """A phrase of the exemplars occurs in the answer, as whole words, though not in the prompt."""
    return any(_mentions(answer, phrase) and not _mentions(prompt, phrase) for phrase in phrases)


def repeats_itself(answer: str) -> bool:
    """A piece of text follows itself again and again, list numbers aside: an n-gram loop."""
    words = _WORD.findall(_LIST_MARKER.sub("", answer).casefold())
    for piece in range(1, min(LONGEST_PIECE, len(words) // LOOP_TURNS) + 1):
        enough = max(LOOP_TURNS * piece, LOOP_WORDS) - piece  # words equal to the one a piece before
        run = 0
        for earlier, later in zip(words, words[piece:], strict=False):
            run = run + 1 if earlier == later else 0
            if run >= enough:
                return True
    return False


def _mentions(text: str, phrase: str) -> bool:
    """As whole words; scripts without spaces have no word boundaries, so there any occurrence counts."""
    words = r"\s+".join(map(re.escape, phrase.split()))
    spaced = words and not _UNSPACED.search(phrase)
    pattern = rf"(?<!\w){words}(?!\w)" if spaced else words
    return bool(words) and re.search(pattern, text, re.IGNORECASE) is not None


def _normal(text: str) -> str:
    return " ".join(text.split()).casefold()
