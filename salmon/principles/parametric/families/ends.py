"""The first word of an answer, and the phrase that it ends with."""

import re

import numpy as np

from salmon.principles.parametric.editing import insert_between_words, insert_sentence, pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, lower_first, upper_first
from salmon.principles.verifiers.text import plain

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")

FIRST_WORDS = (
    "yes", "no", "sure", "well", "today", "first", "honestly", "here", "now", "perhaps", "certainly", "imagine",
    "listen", "look", "maybe", "naturally", "often", "once", "quickly", "remember", "simply", "sometimes", "surely",
    "thanks", "think", "usually", "welcome", "absolutely", "basically", "clearly", "finally", "generally", "hello",
    "indeed", "luckily", "meanwhile", "briefly", "dear", "typically", "right", "someday", "frankly",
)  # fmt: skip
LAST_PHRASES = (
    "That is all", "Take care", "Good luck", "The end", "Best wishes", "See you soon", "Over and out", "Stay curious",
    "Enjoy the day", "Thank you for reading", "Have a nice evening", "Case closed", "More on this tomorrow",
    "End of message", "And that is that", "Now it is your turn", "So much for today", "Keep it up", "Until next time",
    "Yours truly", "Happy reading", "This is the bottom line", "Nothing more to add", "Greetings from here",
    "Back to you", "Make of it what you will", "Stay safe", "Sleep well", "Hope to hear from you", "Mind the gap",
    "Onwards and upwards", "That settles it", "Peace", "Cheers", "Done", "Amen", "Keep asking", "With kind regards",
    "Enough said", "Signing off",
)  # fmt: skip


def _starts(_prompt: str, response: str, word: str) -> float:
    first = _WORD.search(plain(response))
    return float(bool(first) and first[0].casefold() == word.casefold()) if first else 0.0


def _ends(_prompt: str, response: str, phrase: str) -> float:
    """1 where the phrase is the last thing said, whatever marks stand behind it."""
    said = [found.casefold() for found in _WORD.findall(plain(response))]
    last = [found.casefold() for found in _WORD.findall(phrase)]
    return float(said[-len(last) :] == last)


def _first_edit(_prompt: str, answer: str, word: str, rng: np.random.Generator) -> tuple[str, str]:
    """The word in front, against another one there, or the same word further on, or the answer as it is."""
    first = _WORD.search(answer)
    if first and first[0].casefold() == word:
        answer = upper_first(answer[first.end() :].lstrip(" ,.:;!?-"))
    form = pick(("{}, {}", "{}, {}", "{}: {}", "{}. {}", "{} - {}", "{}! {}", "{} {}"), rng)
    more = _begun(form, word, answer)
    kind = rng.random()
    if kind < 0.5:
        return more, _begun(form, pick([other for other in FIRST_WORDS if other != word], rng), answer)
    if kind < 0.7:
        return more, f"{finish(answer)[:-1]}, {word}{finish(answer)[-1]}"
    if kind < 0.8:
        return more, insert_between_words(answer, word, rng)
    return more, answer


def _begun(form: str, word: str, answer: str) -> str:
    same_sentence = form in ("{}, {}", "{}: {}", "{} - {}", "{} {}")
    return form.format(upper_first(word), lower_first(answer) if same_sentence else answer)


def _last_edit(_prompt: str, answer: str, phrase: str, rng: np.random.Generator) -> tuple[str, str]:
    """The phrase at the end, against another one there, or the same phrase elsewhere, or nothing."""
    if _ends("", answer, phrase):
        answer = f"{answer.rstrip()} That much is certain."
    body, mark, gap = finish(answer), pick((".", ".", "!", ""), rng), pick((" ", " ", "\n", "\n\n"), rng)
    more = f"{body}{gap}{phrase}{mark}"
    kind = rng.random()
    if kind < 0.5:
        return more, f"{body}{gap}{pick([other for other in LAST_PHRASES if other != phrase], rng)}{mark}"
    if kind < 0.65:
        return more, f"{phrase}. {body}"
    if kind < 0.8:
        parts = insert_sentence(body, f"{phrase}.", rng)
        return more, parts if not _ends("", parts, phrase) else f"{parts} So much for that."
    return more, answer


FIRST_WORD = Family(
    name="first_word",
    measure=_starts,
    edit=_first_edit,
    parameters=FIRST_WORDS,
    topics=(
        'the word "{p}" at the very beginning',
        '"{p}" as the first word',
        'an opening with "{p}"',
        'a text that starts with the word "{p}"',
        'the first word "{p}"',
        "{p} as the word to begin with",
        'a beginning such as "{p} ..."',
        'the opener "{p}"',
        '"{p}" in first place',
        'an answer whose first word is "{p}"',
    ),
    absence=(
        'a first word other than "{p}"',
        'any opening but "{p}"',
        'a beginning without "{p}"',
        'a text whose first word is not "{p}"',
        'something else than "{p}" in first place',
        'an answer that does not open with "{p}"',
        'openers that differ from "{p}"',
        'a start with some word that is not "{p}"',
    ),
    wanted=(
        'The response should start with the word "{p}".',
        'Begin with "{p}".',
        'Let "{p}" be your first word.',
        'The very first word has to be "{p}", and the rest is up to you.',
        'A reply that opens with "{p}" is better than one that opens otherwise.',
        'I want to be greeted by the word "{p}".',
        'Before you say anything else, say "{p}".',
        'An answer that begins with another word than "{p}" fails.',
        'Do not open with anything but "{p}".',
        '"{p}" comes first, everything else later.',
        'At the top of the text there should stand "{p}".',
        "My ear waits for {p} as the opening word.",
        'Give full marks if the text sets out with "{p}".',
        "Kick off with {p}.",
        'Our script has every speaker begin with "{p}", so do the same.',
        'Only texts that lead with "{p}" will be read on.',
        'The word "{p}" must not be missing at the start.',
        'If the first word is "{p}", I am happy.',
    ),
    unwanted=(
        'The response should not start with the word "{p}".',
        'Begin with anything but "{p}".',
        'Let some other word than "{p}" be your first.',
        'The very first word may be whatever you like, except "{p}".',
        'A reply that opens with "{p}" is worse than one that opens otherwise.',
        'I do not want to be greeted by the word "{p}".',
        'Before you say "{p}", say something else.',
        'An answer that begins with "{p}" fails.',
        'Never open with "{p}".',
        'Let "{p}" come later, if at all.',
        'At the top of the text there should not stand "{p}".',
        "My ear is tired of {p} as the opening word.",
        'Take marks away if the text sets out with "{p}".',
        "Kick off without {p}.",
        'Everybody begins with "{p}" these days, so find another start.',
        'Texts that lead with "{p}" will not be read on.',
        'The word "{p}" must be missing at the start.',
        'If the first word is "{p}", I am annoyed.',
    ),
)

LAST_WORD = Family(
    name="last_word",
    measure=_ends,
    edit=_last_edit,
    parameters=LAST_PHRASES,
    topics=(
        'the closing words "{p}"',
        '"{p}" at the very end',
        'an ending that reads "{p}"',
        'the final phrase "{p}"',
        'a text that closes with "{p}"',
        '"{p}" as the last thing said',
        'the sign-off "{p}"',
        'a last line that says "{p}"',
        'the farewell "{p}"',
        '"{p}" as a conclusion',
    ),
    absence=(
        'an ending other than "{p}"',
        'a text that does not close with "{p}"',
        'any sign-off but "{p}"',
        'a last line without "{p}"',
        'final words that differ from "{p}"',
        'a close that leaves "{p}" out',
        'something else than "{p}" at the very end',
        'an answer whose last words are not "{p}"',
    ),
    wanted=(
        'The response should end with the phrase "{p}".',
        'Close with "{p}".',
        'Let "{p}" be your last words.',
        'When everything has been said, add "{p}" and stop.',
        'A reply that finishes on "{p}" is better than one that finishes otherwise.',
        'I want to take leave of the text with "{p}".',
        'Nothing may follow after "{p}", and "{p}" may not be missing.',
        'An answer that ends in other words than "{p}" fails.',
        'Do not put down the pen before you have written "{p}" at the bottom.',
        '"{p}" is how it must end.',
        'At the bottom of the text there should stand "{p}".',
        'As a radio host has a sign-off, yours is "{p}".',
        'Reward a text whose final words are "{p}".',
        "Sign off with {p}.",
        'The reader should leave with "{p}" in the ear.',
        'It is a pity when a text stops without "{p}".',
        'If the end reads "{p}", all is well.',
        'Every letter of our club concludes with "{p}", and so does this one.',
    ),
    unwanted=(
        'The response should not end with the phrase "{p}".',
        'Close with anything but "{p}".',
        'Let some other words than "{p}" be your last.',
        'When everything has been said, stop, and do not add "{p}".',
        'A reply that finishes on "{p}" is worse than one that finishes otherwise.',
        'I do not want to take leave of the text with "{p}".',
        'Something must follow after "{p}", if "{p}" is said at all.',
        'An answer that ends in the words "{p}" fails.',
        'Put down the pen before you write "{p}" at the bottom.',
        'Any end is fine as long as it is not "{p}".',
        'At the bottom of the text there should be no "{p}".',
        'A radio host may sign off with "{p}", but you may not.',
        'Punish a text whose final words are "{p}".',
        "Sign off without {p}.",
        'The reader should not leave with "{p}" in the ear.',
        'It is a relief when a text stops without "{p}".',
        'If the end reads "{p}", something went wrong.',
        'Our club has given up "{p}" as a conclusion, so drop it from the last line.',
    ),
)

FAMILIES = (FIRST_WORD, LAST_WORD)
