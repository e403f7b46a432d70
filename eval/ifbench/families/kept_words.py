"""Answers of certain words only: of an answer's words those are kept, in order, that the constraint allows."""

import numpy as np

from eval.ifbench.constraints import CheckerError, Constraint
from eval.ifbench.families.checked import Arguments, checked_family, nothing, number
from salmon.principles.parametric.editing import insert_between_words, pick
from salmon.principles.parametric.family import Edit

_LEAST, _MOST = 3, 40  # words of an answer


def _kept(constraint: str, arguments: Arguments = nothing) -> Edit:
    """The answer without the words that break the constraint, and as many of its words as they come."""

    def edit(prompt: str, answer: str, parameter: str, _rng: np.random.Generator) -> tuple[str, str]:
        asked = Constraint(constraint, tuple(arguments(prompt, parameter).items()))
        words, kept = answer.split(), list[str]()
        for word in words[: 2 * _MOST]:
            if len(kept) < _MOST and _follows(asked, " ".join([*kept, word])):
                kept.append(word)
        if len(kept) < _LEAST:
            return answer, answer
        as_long = " ".join(words[: len(kept) + 1])
        return " ".join(kept), answer if _follows(asked, as_long) else as_long

    return edit


def _follows(asked: Constraint, text: str) -> bool:
    try:
        return asked.follows(text)
    except CheckerError:
        return False


_unrepeated = _kept("words:repeats", number("small_n"))


def _repeats(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The other answer is the words as they were, or the kept ones with one of them put in again and again."""
    kept, own = _unrepeated(prompt, answer, parameter, rng)
    if not kept.strip() or rng.random() < 0.5:
        return kept, own
    again, often = pick(kept.split(), rng), kept
    for _ in range(int(parameter)):
        often = insert_between_words(often, again, rng)
    return kept, often


_ALPHABET = {
    word[0]: word
    for word in (
        *("apples", "bring", "calm", "days", "every", "farmer", "grows", "happily", "in", "june", "knowing", "long"),
        *("mild", "nights", "often", "promise", "quiet", "rain", "so", "trees", "under", "vast", "warm", "xylem"),
        *("yield", "zest"),
    )
}


def _alphabet(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    own: dict[str, list[str]] = {}
    for word in answer.lower().split():
        if word.isascii() and word.isalpha():
            own.setdefault(word[0], []).append(word)
    letters = sorted(_ALPHABET)
    start, length = int(rng.integers(26)), int(rng.integers(6, 20))
    row = [letters[(start + place) % 26] for place in range(length)]
    words = [pick(own.get(letter, [_ALPHABET[letter]]), rng) for letter in row]
    if rng.random() < 0.5:
        return " ".join(words), " ".join(answer.split()[:length])
    return " ".join(words), " ".join(str(word) for word in rng.permutation(words))


_unalike = _kept("words:no_consecutive")


def _alike(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The other answer is the words as they were, or the kept ones with one put in that begins like its neighbour."""
    kept, own = _unalike(prompt, answer, parameter, rng)
    words = kept.split()
    places = [place for place, word in enumerate(words) if word[0].lower() in _ALPHABET]
    if not places or rng.random() < 0.5:
        return kept, own
    place = places[int(rng.integers(len(places)))]
    return kept, " ".join([*words[:place], _ALPHABET[words[place][0].lower()], *words[place:]])


KEPT_WORDS = (
    checked_family(
        "words:vowel",
        _kept("words:vowel"),
        topics=(
            "one paragraph with only three of the five vowels",
            "words made of no more than three different vowels overall",
            "a paragraph in which two of the five vowels never occur",
        ),
        absence=("four or five of the vowels", "words with any vowels"),
        wanted=(
            "Of the vowels a, e, i, o and u, use at most three in the whole paragraph.",
            "Two of the five vowels must not occur anywhere in the one paragraph.",
            "The paragraph has to get by on three kinds of vowels.",
            "A fourth kind of vowel is a mistake.",
        ),
        unwanted=(
            "Of the vowels a, e, i, o and u, use at least four.",
            "No more than one of the five vowels may be missing from the text.",
            "The text should not get by on three kinds of vowels.",
            "If there is no fourth kind of vowel, that is a mistake.",
        ),
    ),
    checked_family(
        "words:consonants",
        _kept("words:consonants"),
        topics=(
            "only words in which two consonants stand together",
            "a consonant cluster in each word",
            "words such as 'stone' and 'film' that all have neighbouring consonants",
        ),
        absence=("some words without neighbouring consonants", "words whose consonants stand alone"),
        wanted=(
            "In every word, at least two consonants must stand next to each other.",
            "Each word needs a cluster of consonants.",
            "Not one word may lack a pair of neighbouring consonants.",
            "Words like 'area' or 'a' are not allowed, since no two consonants meet in them.",
        ),
        unwanted=(
            "Not every word may have two consonants next to each other.",
            "Some words should have no cluster of consonants.",
            "At least one word has to lack a pair of neighbouring consonants.",
            "Words like 'area' or 'a' are needed, in which no two consonants meet.",
        ),
    ),
    checked_family(
        "words:prime_lengths",
        _kept("words:prime_lengths"),
        topics=(
            "only words of two, three, five, seven, eleven or thirteen letters",
            "words whose number of letters is prime",
            "word lengths that are prime numbers",
        ),
        absence=("some words of four, six or eight letters", "word lengths that are no prime numbers"),
        wanted=(
            "The number of letters of every word has to be prime.",
            "Words of one, four, six, eight or nine letters are forbidden.",
            "Let all words have a prime length, like 'to', 'sun' or 'bread'.",
            "A single word whose length is not prime spoils the text.",
        ),
        unwanted=(
            "The number of letters must not be prime for every word.",
            "Words of one, four, six, eight or nine letters are needed somewhere.",
            "Do not let all words have a prime length, like 'to', 'sun' or 'bread'.",
            "A text in which every word has a prime length is spoilt.",
        ),
    ),
    checked_family(
        "words:odd_even_syllables",
        _kept("words:odd_even_syllables"),
        topics=(
            "words that alternate between odd and even numbers of syllables",
            "a strict change between odd and even syllable counts",
            "a rhythm in which no two neighbouring words agree in the parity of their syllables",
        ),
        absence=("neighbouring words of one syllable each", "words without an alternating count of syllables"),
        wanted=(
            "After a word with an odd number of syllables comes one with an even number, and the other way round.",
            "Two words in a row must never both have an odd number of syllables, nor both an even one.",
            "Let the syllable counts of the words switch between odd and even all the way.",
            "The parity of the syllables has to change from each word to the next.",
        ),
        unwanted=(
            "It must not be that odd and even numbers of syllables take turns from word to word.",
            "Somewhere two words in a row should both have an odd number of syllables, or both an even one.",
            "Do not let the syllable counts of the words switch between odd and even all the way.",
            "The parity of the syllables should not change from each word to the next.",
        ),
    ),
    checked_family(
        "words:repeats",
        _repeats,
        arguments=number("small_n"),
        parameters=("1", "2"),
        topics=(
            "words that each occur at most this often: {p}",
            "no word more often than {p} in the whole text",
            "a limit of {p} for how often one word may occur",
        ),
        absence=("words that come back more often than {p}", "a word that is used again and again"),
        wanted=(
            "No word may occur more often than this number says: {p}.",
            "Count each word: the result must not exceed {p}.",
            "Even small words like 'the' are limited; the most is {p}.",
            "It is a fault if any word is used more often than the limit, which is {p}.",
        ),
        unwanted=(
            "Some word should occur more often than this number says: {p}.",
            "Count each word: at least one result must exceed {p}.",
            "Small words like 'the' may come back freely, and some word has to exceed {p}.",
            "It is a fault if no word is used more often than the limit, which is {p}.",
        ),
    ),
    checked_family(
        "words:no_consecutive",
        _alike,
        topics=(
            "neighbouring words with different first letters",
            "text in which no two words in a row begin alike",
            "a new initial letter at each word",
        ),
        absence=("two words in a row with the same initial", "neighbours that begin with one letter"),
        wanted=(
            "Two words that follow each other must not begin with the same letter.",
            "The initial has to change from each word to the next.",
            "It is a mistake if neighbouring words share their first letter.",
            "Avoid pairs like 'big boat', in which both words begin alike.",
        ),
        unwanted=(
            "Somewhere two words that follow each other should begin with the same letter.",
            "The initial must stay the same from one word to the next at least once.",
            "It is a mistake if no neighbouring words share their first letter.",
            "Have pairs like 'big boat', in which both words begin alike.",
        ),
    ),
    checked_family(
        "words:alphabet",
        _alphabet,
        topics=(
            "words whose initials run through the alphabet in order",
            "initial letters that follow the alphabet, word by word",
            "a chain of words in which each starts one letter further on, with A after Z",
        ),
        absence=("initial letters in no alphabetical order", "words that begin with any letters"),
        wanted=(
            "Each word must begin with the letter that follows the initial of the word before it, and A follows Z.",
            "The first letters of the words should spell out the alphabet without a gap.",
            "If a word starts with C, the next one has to start with D, and so on.",
            "Go one letter further in the alphabet with each new word.",
        ),
        unwanted=(
            "It must not be that each word begins with the letter that follows the initial of the word before it.",
            "The first letters of the words should not spell out the alphabet.",
            "If a word starts with C, the next one need not start with D; an alphabetical chain is unwelcome.",
            "Do not go one letter further in the alphabet with each new word.",
        ),
    ),
)
