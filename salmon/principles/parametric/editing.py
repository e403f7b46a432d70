"""Small edits of an answer that families are made of."""

import re
from collections.abc import Sequence

import numpy as np

_END = re.compile(r"(?<=[.!?])[ \t]+|\n+")


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def split_sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without the white space between them."""
    return [part for part in _END.split(text.strip()) if part.strip()]


def insert_between_words(text: str, piece: str, rng: np.random.Generator) -> str:
    """The text with a piece between two of its words, or at its ends; line breaks stay."""
    gaps = [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", text)]
    if not gaps:
        return f"{text} {piece}".strip()
    place = gaps[int(rng.integers(len(gaps)))]
    return f"{text[:place]} {piece}{text[place:]}"


def insert_sentence(text: str, sentence: str, rng: np.random.Generator) -> str:
    """The text with a sentence in front, behind, or between two of its sentences, but not behind a half one."""
    places = [0, *(match.end() for match in re.finditer(r"(?<!\d)[.!?](?=\s|$)", text))]
    place = places[int(rng.integers(len(places)))]
    return " ".join(part for part in (text[:place].strip(), sentence, text[place:].strip()) if part)


def append(text: str, sentence: str) -> str:
    """The text with a sentence behind it."""
    return f"{text.rstrip()} {sentence}".strip()
