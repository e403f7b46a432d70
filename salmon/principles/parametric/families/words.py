"""A word that an answer has to contain, or must not contain."""

import re
from functools import lru_cache

import numpy as np

from salmon.principles.parametric.editing import insert_between_words
from salmon.principles.parametric.family import Family


@lru_cache(maxsize=8192)
def _pattern(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", re.IGNORECASE)


def _count(_prompt: str, response: str, word: str) -> float:
    return len(_pattern(word).findall(response))


def _edit(_prompt: str, answer: str, word: str, rng: np.random.Generator) -> tuple[str, str]:
    """The word is put between two words of the one answer, once or twice, and taken out of the other."""
    without = re.sub(r" {2,}", " ", _pattern(word).sub("", answer)).strip()
    with_it = insert_between_words(without, word, rng)
    if rng.random() < 0.2:
        with_it = insert_between_words(with_it, word, rng)
    return with_it, without


WORD = Family(
    name="word",
    measure=_count,
    edit=_edit,
    words=True,
    topics=(
        'the word "{p}"',
        "{p}",
        "mentions of {p}",
        "the term {p}",
        '"{p}"',
        "the expression '{p}'",
        "a sentence with {p} in it",
        "the vocabulary item {p}",
    ),
    absence=(
        'text without the word "{p}"',
        "wording that does not need {p}",
        "a vocabulary that lacks {p}",
        "sentences free of {p}",
        'other words than "{p}"',
    ),
    wanted=(
        'The reply should contain the word "{p}".',
        "Somewhere in the text, {p} has to be said.",
        'Find a place for "{p}".',
        "If {p} does not come up, the reply has failed.",
        'A reader who searches for "{p}" should find it.',
        "Let the word {p} fall at least once.",
        "Do not forget to mention {p}.",
        "{p} belongs in the text.",
        "The vocabulary must not lack the word {p}.",
        'I look forward to reading "{p}".',
        "Work {p} into one of the sentences.",
        "A text that never says {p} is worth little.",
    ),
    unwanted=(
        'The reply should not contain the word "{p}".',
        "Nowhere in the text should {p} be said.",
        'There is no place for "{p}".',
        "If {p} comes up, the reply has failed.",
        'A reader who searches for "{p}" should find nothing.',
        "Do not let the word {p} fall even once.",
        "Take care not to mention {p}.",
        "{p} does not belong in the text.",
        "The vocabulary must do without the word {p}.",
        'I would rather not read "{p}".',
        "Keep {p} out of all sentences.",
        "A text that never says {p} is worth a lot.",
    ),
)

FAMILIES = (WORD,)
