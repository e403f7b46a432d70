"""The answers that pairs are made of: real ones, by the prompt they answer.

The bundled ones are SmolLM2-135M-Instruct's to the bundled prompts, of at most 90 tokens. Users of a larger model give
answers of it.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from salmon.config.data import OnBadLine
from salmon.data.sources import load_demonstrations

BUNDLED = Path(__file__).parent / "bundled" / "answers.jsonl"
_WORD = re.compile(r"(?<![\w'-])[a-z]{4,9}(?![\w'-])")


@dataclass(frozen=True)
class AnsweredPrompt:
    """A prompt and the different answers to it."""

    prompt: str
    answers: tuple[str, ...]


def load_answers(source: str | None) -> list[AnsweredPrompt]:
    """Answers of a file (``{prompt, response}`` a line) or of the hub; None: the bundled ones.

    Raises:
        SalmonError: the source cannot be read, or a line is no such row.
    """
    by_prompt: dict[str, list[str]] = {}
    for row in load_demonstrations(source or str(BUNDLED), OnBadLine.stop):
        answers = by_prompt.setdefault(row.prompt, [])
        if row.response not in answers:
            answers.append(row.response)
    return [AnsweredPrompt(prompt, tuple(answers)) for prompt, answers in by_prompt.items()]


def words_of(prompts: Iterable[AnsweredPrompt]) -> list[str]:
    """The words of 4 to 9 letters that answers have at least twice, in alphabetical order."""
    counts = Counter(word for prompt in prompts for answer in prompt.answers for word in _WORD.findall(answer))
    return sorted(word for word, n in counts.items() if n > 1)
