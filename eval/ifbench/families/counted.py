"""How many of something an answer has: words, different words, numbers, conjunctions, pronouns."""

import re

import numpy as np

from eval.ifbench.families.checked import checked_family, number, of_words
from salmon.principles.parametric.contrast import contrast
from salmon.principles.parametric.editing import insert_between_words, pick

_LONG = 200  # words; no answer is made longer than that


def _bounds(_prompt: str, parameter: str) -> dict[str, str | int | float]:
    low, high = parameter.split(" and ")
    return {"min_words": int(low), "max_words": int(high)}


def _of_range(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    low, high = map(int, parameter.split(" and "))
    outside = [*range(max(1, low // 2), low), *range(high + 1, 2 * high)]
    wrong = outside[int(rng.integers(len(outside)))]
    return of_words(answer, int(rng.integers(low, high + 1)), rng), of_words(answer, wrong, rng)


def _unique(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    least = int(parameter)
    for count in range(least, _LONG, 5):
        many = of_words(answer, count, rng)
        if len({word.lower() for word in re.findall(r"\w+", many)}) >= least + 2:  # the checker parts words otherwise
            few = of_words(answer, int(rng.integers(max(1, least // 2), least)), rng)
            return many, " ".join([few] * int(rng.integers(1, 4)))
    return answer, answer


def _numbers(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    plain = re.sub(r" {2,}", " ", re.sub(r"[\d٠-٩]+(?:[.,:/)-]\d*)*", "", answer)).strip()
    count = int(parameter)
    other = pick([str(n) for n in (count - 2, count - 1, count + 1, count + 3, 0) if 0 <= n != count], rng)
    return _with_numbers(plain, count, rng), _with_numbers(plain, int(other), rng)


def _with_numbers(text: str, count: int, rng: np.random.Generator) -> str:
    for value in rng.integers(2, 100, count):
        text = insert_between_words(text, str(value), rng)
    return text


_INSTEAD = {  # what says nearly the same and is no coordinating conjunction
    "and": "as well as",
    "but": "although",
    "for": "towards",
    "nor": "not even",
    "or": "alternatively",
    "so": "therefore",
    "yet": "still",
}
_CONJUNCTION = re.compile(r"\b(and|but|for|nor|or|so|yet)\b", re.IGNORECASE)
_JOINED = {
    "and": "There is a reason, and it is a good one.",
    "but": "It looks hard, but it can be done.",
    "for": "Nobody hurries, for there is time.",
    "nor": "It is not new, nor will it be the last.",
    "or": "One can do it today or leave it.",
    "so": "The road is long, so an early start helps.",
    "yet": "It is small, yet everybody sees it.",
}


def _conjunctions(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    without = _CONJUNCTION.sub(lambda found: _INSTEAD[found[1].lower()], answer)
    count = int(parameter)
    chosen = [str(word) for word in rng.permutation(list(_JOINED))]
    fewer = int(rng.integers(0, count))
    return (
        " ".join([without, *(_JOINED[word] for word in chosen[:count])]),
        " ".join([without, *(_JOINED[word] for word in (chosen[:fewer] * count)[:count])]),
    )


_NOUNS = {
    "i": "one",
    "me": "people",
    "my": "the",
    "we": "people",
    "us": "people",
    "our": "the",
    "you": "people",
    "your": "the",
    "he": "the man",
    "him": "the man",
    "his": "the",
    "she": "the woman",
    "her": "the",
    "it": "that",
    "its": "the",
    "they": "those",
    "them": "those",
    "their": "the",
}
_PRONOUN = re.compile(rf"\b({'|'.join(_NOUNS)})\b(?!['’])", re.IGNORECASE)
_PERSONAL = (
    "She told me that it was hers, and I believed her.",
    "You and I know that they do it for us.",
    "He asked us for it, and we gave it to him.",
    "They took theirs, and you kept yours.",
)


def _pronouns(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    without = _PRONOUN.sub(lambda found: _NOUNS[found[1].lower()], answer)
    more, less = contrast(without, pick(_PERSONAL, rng), rng)
    for _ in range(int(parameter) // 5):
        more = f"{more.rstrip()} {pick(_PERSONAL, rng)}"
    return more, less


COUNTED = (
    checked_family(
        "count:word_count_range",
        _of_range,
        arguments=_bounds,
        parameters=("10 and 20", "15 and 25", "20 and 30", "30 and 45", "40 and 60"),
        topics=("between {p} words", "a text of between {p} words", "a length that lies between {p} words"),
        absence=("any length but one between {p} words", "a word count that is not between {p}"),
        wanted=(
            "The reply has to be between {p} words long.",
            "Count the words: the total must lie between {p}.",
            "No shorter and no longer than what fits between {p} words.",
            "A reply outside the range between {p} words is wrong.",
        ),
        unwanted=(
            "The reply must not be between {p} words long.",
            "Count the words: the total must not lie between {p}.",
            "Either shorter or longer, but nothing between {p} words.",
            "A reply inside the range between {p} words is wrong.",
        ),
    ),
    checked_family(
        "count:unique_word_count",
        _unique,
        arguments=number("N"),
        parameters=("10", "15", "20", "30"),
        topics=("at least {p} different words", "{p} or more unique words", "a vocabulary of {p} words or more"),
        absence=("fewer than {p} different words", "a vocabulary below {p} words"),
        wanted=(
            "The text needs at least {p} different words.",
            "Count each word once, and there should still be {p} or more.",
            "A vocabulary below {p} distinct words is too poor.",
            "There have to be no fewer than {p} unique words.",
        ),
        unwanted=(
            "The text needs fewer than {p} different words.",
            "Count each word once, and there should be less than {p}.",
            "A vocabulary of {p} distinct words or more is too rich.",
            "The number of unique words has to stay below {p}.",
        ),
    ),
    checked_family(
        "count:numbers",
        _numbers,
        arguments=number("N"),
        parameters=("1", "2", "3", "4", "5"),
        topics=("exactly {p} figures in digits", "numerals, {p} of them", "a total of {p} numbers in digits"),
        absence=("any other count of numerals than {p}", "more or fewer than {p} numbers in digits"),
        wanted=(
            "The reply contains precisely {p} of these: a number written in digits.",
            "Count the numbers in the text; the total has to be {p}.",
            "Neither more nor fewer than {p} numerals may occur.",
            "How many numerals? Exactly {p}.",
        ),
        unwanted=(
            "The reply must not contain precisely {p} numbers in digits; any other count is fine.",
            "Count the numbers in the text; the total may be anything except {p}.",
            "There have to be either more or fewer numerals than {p}.",
            "How many numerals? As many as you like, only not {p}.",
        ),
    ),
    checked_family(
        "count:conjunctions",
        _conjunctions,
        arguments=number("small_n"),
        parameters=("2", "3", "4"),
        topics=(
            "at least {p} different coordinating conjunctions",
            "{p} or more distinct joining words such as and, but, or",
            "a variety of {p} coordinating conjunctions",
        ),
        absence=("fewer than {p} different coordinating conjunctions", "sentences with hardly any joining words"),
        wanted=(
            "Of the words and, but, for, nor, or, so and yet, at least {p} have to occur.",
            "Join clauses with no fewer than {p} different coordinating conjunctions.",
            "The reply is good only if it has {p} or more kinds of coordinating conjunctions.",
            "Vary your conjunctions: {p} distinct ones is the least.",
        ),
        unwanted=(
            "Of the words and, but, for, nor, or, so and yet, fewer than {p} may occur.",
            "Join clauses with less than {p} different coordinating conjunctions.",
            "The reply is bad if it has {p} or more kinds of coordinating conjunctions.",
            "Do not vary your conjunctions: {p} distinct ones is too many.",
        ),
    ),
    checked_family(
        "count:pronouns",
        _pronouns,
        arguments=number("N"),
        parameters=("4", "5", "8", "10"),
        topics=(
            "at least {p} pronouns",
            "{p} or more pronouns such as he, she, it, you",
            "personal pronouns in plenty",
        ),
        absence=("nouns instead of pronouns", "fewer than {p} pronouns"),
        wanted=(
            "There should be {p} pronouns or more in the reply.",
            "Count words like I, you, it and their: at least {p} are needed.",
            "A reply with fewer pronouns than {p} does not pass.",
            "Let pronouns stand for people and things, {p} times at least.",
        ),
        unwanted=(
            "There should be fewer than {p} pronouns in the reply.",
            "Count words like I, you, it and their: {p} are already too many.",
            "A reply with {p} pronouns or more does not pass.",
            "Name people and things by nouns, and keep the pronouns below {p}.",
        ),
    ),
)
