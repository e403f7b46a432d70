"""Words wholly in capitals."""

import re

import numpy as np

from salmon.principles.parametric.editing import split_sentences
from salmon.principles.parametric.family import Family
from salmon.principles.verifiers.text import plain

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_SMALL = ("a", "an", "the", "of", "and", "or", "to", "in", "is", "it", "on", "at", "by", "for", "as", "i", "be", "are")


def _in_capitals(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def _count(_prompt: str, response: str, _parameter: str) -> float:
    return sum(map(_in_capitals, _WORD.findall(plain(response))))


def _calm(found: re.Match[str]) -> str:
    return found[0].capitalize() if _in_capitals(found[0]) else found[0]


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A word, some words, a sentence or everything in capitals; in the other answer nothing, or half as many words."""
    less = _WORD.sub(_calm, answer)
    kind = rng.random()
    if kind < 0.15:
        return less.upper(), less
    if kind < 0.35:
        parts = split_sentences(less)
        loud = parts[int(rng.integers(len(parts)))] if parts else ""
        return less.replace(loud, loud.upper(), 1), less
    words = [found for found in _WORD.finditer(less) if len(found[0]) > 1]
    strong = [found for found in words if found[0].lower() not in _SMALL] or words
    if not strong:
        return answer, answer
    few = rng.random() < 0.5
    number = min(int(rng.integers(1, 4 if few else 1 + max(len(strong) // 2, 3))), len(strong))
    chosen = rng.permutation(len(strong))[:number].tolist()
    kept = chosen[: number // 2] if rng.random() < 0.3 else []
    return _raised(less, [strong[i] for i in chosen]), _raised(less, [strong[i] for i in kept])


def _raised(text: str, words: list[re.Match[str]]) -> str:
    for word in sorted(words, key=lambda word: -word.start()):
        text = text[: word.start()] + word[0].upper() + text[word.end() :]
    return text


CAPITALS = Family(
    name="capitals",
    measure=_count,
    edit=_edit,
    clear=0.1,
    topics=(
        "words in capitals",
        "words written wholly in upper case",
        "ALL CAPS for emphasis",
        "some words in block capitals",
        "SHOUTED words",
        "capitalised whole words, like THIS",
        "words with every letter large",
        "upper-case words",
        "the caps lock key",
        "words that SHOUT",
        "a word or two in full capitals",
    ),
    absence=(
        "text without words in capitals",
        "ordinary letter case throughout",
        "words that have at most one capital letter",
        "no upper-case words at all",
        "quiet lettering",
        "normal capitalisation with no shouting",
        "emphasis by word choice rather than by capitals",
        "no block capitals",
        "a text typed with caps lock off",
    ),
    wanted=(
        "The response should have words in capitals.",
        "Write the IMPORTANT words in upper case.",
        "Put at least one word wholly in capital letters.",
        "Shout here and there by means of your letters.",
        "Press caps lock now and then.",
        "A text with words in block capitals is preferred to one that has none.",
        "I love it when key terms are in ALL CAPS.",
        "Each word in full capitals earns a point.",
        "Missing upper-case words are a fault.",
        "It is fine, even desired, that a word SCREAMS at the reader.",
        "Stress what matters by making all its letters large.",
        "Write like a tabloid front page, where words TOWER over the rest.",
        "Letters should stand tall across whole words.",
        "Without a single word in capitals the text looks flat to this user.",
        "Never leave a key term in small letters.",
        "As on a warning sign, set words in capitals.",
        "My eyes are weak, so capital letters throughout a word help me.",
        "Go LOUD on the page.",
        "Do not forget to capitalise some words from their first to their last letter.",
    ),
    unwanted=(
        "The response should have no words in capitals.",
        "Write even the important words in ordinary case.",
        "Put not one word wholly in capital letters.",
        "Shouting by means of letters is rude.",
        "STOP the shouting, and keep caps lock off.",
        "A text that has no words in block capitals is preferred to one that does.",
        "I hate it when key terms are in ALL CAPS.",
        "Each word in full capitals costs a point.",
        "Upper-case words are a fault.",
        "It is unpleasant when a word screams at the reader.",
        "Stress what matters by its place in the sentence and leave its letters small.",
        "Write like a quiet literary magazine, where no word towers over the rest.",
        "At most the first letter of a word may be large.",
        "A single word in capitals makes the text look cheap to this user.",
        "Key terms stay in small letters.",
        "This is a conversation, so refrain from the lettering of warning signs.",
        "Capital letters throughout a word are hard on my eyes, so do without them.",
        "Indoor voice, please: no upper-case words.",
        "Lower the volume of your lettering.",
    ),
)

FAMILIES = (CAPITALS,)
