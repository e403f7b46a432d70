"""A phrase of two words that an answer has to contain, or must not contain."""

import re
from functools import lru_cache

import numpy as np

from salmon.principles.parametric.editing import insert_between_words, insert_sentence, pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, lower_first, upper_first
from salmon.principles.verifiers.text import plain

PHRASES = (
    "of course", "for example", "in fact", "after all", "in short", "by chance", "at home", "on time", "at last",
    "at first", "for instance", "so far", "right now", "these days", "last week", "next year", "every day",
    "once again", "all along", "in general", "in theory", "in practice", "in return", "by hand", "by heart",
    "on purpose", "on foot", "by then", "at once", "at best", "for free", "for sure", "to date", "step back",
    "good luck", "fresh air", "old friends", "early morning", "long walk", "common sense", "kind words", "open door",
    "second thought", "spare time", "first glance", "hard work", "deep breath", "blank page", "small talk",
    "good news", "cold water", "side street", "warm welcome", "clean slate", "quiet evening", "busy road",
    "last minute", "fair enough", "no doubt", "no wonder",
)  # fmt: skip


@lru_cache(maxsize=256)
def _pattern(phrase: str) -> re.Pattern[str]:
    return re.compile(r"(?<![^\W_])" + re.escape(phrase).replace(r"\ ", r"\s+") + r"(?![^\W_])", re.IGNORECASE)


def _count(_prompt: str, response: str, phrase: str) -> float:
    return len(_pattern(phrase).findall(plain(response)))


def _put(answer: str, phrase: str, way: int, rng: np.random.Generator) -> str:
    if way == 0:
        return f"{upper_first(phrase)}, {lower_first(answer)}"
    if way == 1:
        return f"{finish(answer)[:-1]}, {phrase}{finish(answer)[-1:]}"
    if way == 2:
        carrier = pick(("It comes down to {}.", "Here is one more remark, {}.", "So much for {}.", "Then, {}."), rng)
        return insert_sentence(answer, carrier.format(phrase), rng)
    return insert_between_words(answer, phrase if way == 3 else f"({phrase})", rng)


def _edit(_prompt: str, answer: str, phrase: str, rng: np.random.Generator) -> tuple[str, str]:
    """One answer gets the phrase; the other gets another phrase, or half of this one, or nothing."""
    without = re.sub(r"[ \t]{2,}", " ", _pattern(phrase).sub("", answer)).strip(" ,")
    way, first_half = int(rng.integers(5)), phrase.split()[0]
    with_it = _put(without, phrase, way, rng)
    kind = rng.random()
    if kind < 0.55:
        without = _put(without, pick([other for other in PHRASES if other != phrase], rng), way, rng)
    elif kind < 0.7:
        without = insert_between_words(without, first_half, rng)
    return with_it, without


PHRASE = Family(
    name="phrase",
    measure=_count,
    edit=_edit,
    parameters=PHRASES,
    topics=(
        'the phrase "{p}"',
        "the words '{p}' side by side",
        'the turn of phrase "{p}"',
        "the expression {p}",
        'a sentence that says "{p}"',
        'at least one "{p}"',
        'the two words "{p}"',
        "{p} as a phrase",
        'the wording "{p}"',
        'the set phrase "{p}"',
        'a passage with "{p}" in it',
    ),
    absence=(
        'text without the phrase "{p}"',
        'phrases other than "{p}"',
        'wording that steers clear of "{p}"',
        'sentences in which "{p}" never comes up',
        'any turn of phrase but "{p}"',
        'a text free of the expression "{p}"',
        'no "{p}" whatsoever',
        'language that leaves "{p}" unsaid',
    ),
    wanted=(
        'The response should contain the phrase "{p}".',
        'Put the words "{p}" somewhere in your text.',
        'The phrase "{p}" must appear.',
        'It would be a pity if "{p}" were missing.',
        'The reply is better with "{p}" in it than without.',
        'I am fond of the phrase "{p}" and would love to meet it.',
        'Give a point to a text that says "{p}".',
        'Whoever searches the answer for "{p}" should get a hit.',
        'Do not finish before you have said "{p}".',
        'Leaving out "{p}" counts as a mistake.',
        'Slip in a casual "{p}" along the way.',
        'Somewhere between the first word and the last, let "{p}" be heard.',
        'Never send an answer that lacks the words "{p}".',
        'Our brand voice relies on "{p}", so keep it in.',
        'Only a text with "{p}" will do.',
        'If you can say "{p}", say it.',
        '"{p}", please.',
        "A writer who speaks of {p} has understood the task.",
        'There is nothing wrong with "{p}"; quite the opposite, it is required.',
        'Students had to work "{p}" into their essays, and so do you.',
    ),
    unwanted=(
        'The response should not contain the phrase "{p}".',
        'Put the words "{p}" nowhere in your text.',
        'The phrase "{p}" must be absent.',
        'It would be a pity if "{p}" came up.',
        'The reply is better without "{p}" in it than with.',
        'I am tired of the phrase "{p}" and would hate to meet it.',
        'Take a point from a text that says "{p}".',
        'Whoever searches the answer for "{p}" should come away with nothing.',
        'Finish without ever having said "{p}".',
        'Using "{p}" counts as a mistake.',
        'Resist the urge to slip in a casual "{p}".',
        'From the first word to the last, let "{p}" go unheard.',
        'Strike "{p}" wherever it turns up.',
        'Our brand voice has dropped "{p}", so leave it out.',
        'Any text will do as long as "{p}" is not in it.',
        'If you are about to say "{p}", say something else.',
        'No "{p}", please.',
        "This reader has heard {p} once too often.",
        'An editor would cross out "{p}" at once, and rightly so.',
        'Anything but "{p}": that one is banned here.',
    ),
)

FAMILIES = (PHRASE,)
