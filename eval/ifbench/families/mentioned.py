"""What an answer mentions: names, palindromes, Japanese words, a word in a certain sentence."""

import re

import numpy as np

from eval.ifbench.families.checked import bare_sentences, checked_family, number
from salmon.principles.parametric.contrast import contrast
from salmon.principles.parametric.editing import append, insert_between_words, pick
from salmon.principles.parametric.neutral import NEUTRAL

_NAMES = ("Emma", "Liam", "Sophia", "Olivia", "Noah", "Lucas", "Isabella", "Benjamin", "Daniel", "Hannah", "Thomas")


def _names(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    count = int(parameter)
    chosen = [str(name) for name in rng.permutation(_NAMES)[:count]]
    fewer = chosen[: int(rng.integers(0, count))]
    more, less = contrast(answer, _known_to(chosen), rng, plain=(_known_to(fewer),) if fewer else NEUTRAL)
    return more, less


def _known_to(names: list[str]) -> str:
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{listed} can tell you more about this."


_PALINDROMES = (
    *("level", "radar", "civic", "kayak", "madam", "refer", "rotor", "tenet", "stats", "solos", "sagas", "minim"),
    *("racecar", "rotator", "reviver", "deified", "redder"),
)

_PLAIN = (
    "table",
    "river",
    "candle",
    "window",
    "garden",
    "paper",
    "bridge",
    "summer",
    "yellow",
    "market",
    "silver",
    "lemon",
)


def _palindromes(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    words = [str(word) for word in rng.permutation(_PALINDROMES)]
    more, few = words[: int(rng.integers(10, 13))], words[: int(rng.integers(0, 7))]
    plain = [str(word) for word in rng.permutation(_PLAIN)[: int(rng.integers(5, 13))]]
    return append(answer, _listed(more)), append(answer, _listed([*few, *plain]))


def _listed(words: list[str]) -> str:
    return f"Here are some words to remember: {', '.join(words)}."


_JAPANESE = ("これ", "水", "時間", "人", "本", "町", "春", "今日", "山", "道", "家", "花", "テスト", "ことば", "仕事")


def _japanese(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    words, every = answer.split(), int(parameter)
    more = [pick(_JAPANESE, rng) if place % every == 0 else word for place, word in enumerate(words, start=1)]
    if rng.random() < 0.5:
        return " ".join(more), answer
    less = list(more)  # one place or more without
    for place in range(every, len(words) + 1, every):
        if rng.random() < 0.5:
            less[place - 1] = words[place - 1]
    return " ".join(more), " ".join(less)


def _keyword_arguments(_prompt: str, parameter: str) -> dict[str, str | int | float]:
    word, place = _word_and_place(parameter)
    return {"word": word, "N": place}


def _word_and_place(parameter: str) -> tuple[str, int]:
    """Of a parameter like ``"lantern" in sentence 2``."""
    found = re.fullmatch(r'"(\w+)" in sentence (\d)', parameter)
    assert found, parameter
    return found[1], int(found[2])


def _keyword(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    word, place = _word_and_place(parameter)
    bare = bare_sentences(answer, int(rng.integers(place, 5)), rng)
    places = [number for number in range(len(bare)) if number != place - 1]
    less = " ".join(f"{sentence}." for sentence in bare)
    if places and rng.random() < 0.7:
        less = _with_word(bare, places[int(rng.integers(len(places)))], word, rng)
    return _with_word(bare, place - 1, word, rng), less


def _with_word(bare: list[str], place: int, word: str, rng: np.random.Generator) -> str:
    return " ".join(
        f"{insert_between_words(sentence, word, rng) if number == place else sentence}."
        for number, sentence in enumerate(bare)
    )


MENTIONED = (
    checked_family(
        "count:person_names",
        _names,
        arguments=number("N"),
        parameters=("2", "3", "4"),
        topics=(
            "at least {p} common first names such as Emma or Noah",
            "{p} or more people called by their first names",
            "a few persons with first names, {p} at least",
        ),
        absence=("text that calls nobody by name", "fewer than {p} first names"),
        wanted=(
            "Mention {p} or more people by common first names (Emma, Liam, Hannah and the like).",
            "There should be at least {p} different first names of persons in the text.",
            "A text in which fewer than {p} people are called by name is not what we need.",
            "Bring people into it: {p} first names is the least.",
        ),
        unwanted=(
            "Mention fewer than {p} people by common first names (Emma, Liam, Hannah and the like).",
            "There should not be as many as {p} different first names of persons in the text.",
            "A text in which {p} or more people are called by name is not what we need.",
            "Leave people out of it: {p} first names is too many.",
        ),
    ),
    checked_family(
        "words:palindrome",
        _palindromes,
        topics=(
            "ten or more words that read the same backwards",
            "at least ten palindromes",
            "palindromes like radar and level, ten at least",
        ),
        absence=("words that read differently backwards", "fewer than ten palindromes"),
        wanted=(
            "At least ten words should be palindromes of five letters or more.",
            "Include ten words or more that are the same when they are spelled backwards.",
            "Without ten palindromes such as kayak or civic, the reply is not complete.",
            "I want to find ten words that can be read from either end.",
        ),
        unwanted=(
            "There should be fewer than ten palindromes of five letters or more.",
            "Do not include ten words or more that are the same when they are spelled backwards.",
            "With ten palindromes such as kayak or civic, the reply is spoilt.",
            "I do not want to find ten words that can be read from either end.",
        ),
    ),
    checked_family(
        "count:words_japanese",
        _japanese,
        arguments=number("N"),
        parameters=("2", "3", "4", "5"),
        topics=(
            "a Japanese word at every position that {p} divides",
            "Japanese at word {p} and each multiple of it",
            "words in Japanese, one in {p}, at regular places",
        ),
        absence=("English words at the positions that {p} divides", "text without a regular pattern of Japanese words"),
        wanted=(
            "Count the words: after every {p} of them, the last one has to be Japanese.",
            "Out of each group of {p} words, the final one must be written in Japanese.",
            "Mix the languages regularly: one word in {p} is Japanese, always at the same distance.",
            "A word whose position is a multiple of {p} may only be Japanese.",
        ),
        unwanted=(
            "Count the words: it must not be that after every {p} of them the last one is Japanese.",
            "Out of each group of {p} words, the final one must not always be written in Japanese.",
            "Do not mix the languages so that one word in {p} is Japanese, always at the same distance.",
            "The words whose position is a multiple of {p} should not all be Japanese.",
        ),
    ),
    checked_family(
        "sentence:keyword",
        _keyword,
        arguments=_keyword_arguments,
        parameters=(
            '"lantern" in sentence 1',
            '"harbour" in sentence 2',
            '"copper" in sentence 2',
            '"violin" in sentence 3',
            '"meadow" in sentence 3',
        ),
        topics=("the word {p}", "the keyword {p}", "the term {p} of the text"),
        absence=("text that does not have the word {p}", "another place or no place for the keyword {p}"),
        wanted=(
            "The reply must have the word {p}.",
            "Put the keyword {p}, and count the sentences from the first one.",
            "A reader looks for {p} and should find it there.",
            "It is a fault if the word {p} is missing.",
        ),
        unwanted=(
            "The reply must not have the word {p}.",
            "Do not put the keyword {p}; count the sentences from the first one.",
            "A reader looks for {p} and should not find it there.",
            "It is a fault if the word {p} is present.",
        ),
    ),
)
