"""Length in words."""

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, insert, lower_first, neutral, shorten, unfinish
from salmon.principles.verifiers import CHECKS

CLEAR = CHECKS["concise"].tie_below
_PADDING = (
    "As a matter of fact,",
    "When all is said and done,",
    "If one looks at it in the right way,",
    "Needless to say, and without going too far,",
    "It may well be worth pointing out that",
    "At the end of the day, as is well known,",
    "As most readers will probably agree,",
    "What should be said first of all is that",
)


def _words(prompt: str, response: str, _parameter: str) -> float | None:
    return CHECKS["concise"].measure(prompt, response)


def _edit(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The answer against its beginning, or with neutral sentences or padding against itself or its beginning."""
    way = rng.random()
    long, short = answer, answer
    if way < 0.65:
        short = shorten(answer, rng)
    if 0.5 < way < 0.9:
        for sentence in neutral(rng, int(rng.integers(1, 5))):
            long = insert(long, sentence, rng)
    elif way >= 0.9:
        long = f"{pick(_PADDING, rng)} {lower_first(long)}"
    while not _clear(prompt, long, short, parameter):
        long = f"{finish(long)} {neutral(rng)[0]}"
    if way > 0.8 and rng.random() < 0.5:
        short = unfinish(short) or short
    return long, short


def _clear(prompt: str, long: str, short: str, parameter: str) -> bool:
    more, less = _words(prompt, long, parameter) or 0.0, _words(prompt, short, parameter) or 0.0
    return more - less >= max(1.0, CLEAR * more)


LENGTH = Family(
    name="length",
    measure=_words,
    edit=_edit,
    clear=CLEAR,
    topics=(
        "many words",
        "a long answer",
        "a great number of words",
        "length",
        "verbosity",
        "wordiness",
        "a lot of text",
        "padding",
        "long-windedness",
        "a reply that runs on for a while",
        "extra words",
        "lengthy wording",
        "a high word count",
        "an expansive style",
    ),
    absence=(
        "brevity",
        "few words",
        "a short answer",
        "concise wording",
        "succinctness",
        "terseness",
        "as little text as possible",
        "a low word count",
        "economy of words",
        "a compact reply",
        "a telegram's style",
        "short and to-the-point text",
        "conciseness",
    ),
    wanted=(
        "The response should be long.",
        "Write a lengthy answer.",
        "Longer replies are better.",
        "The more words, the better the response.",
        "A reply gains points with every further word.",
        "I like to read a lot; give me plenty of text.",
        "The user enjoys long answers.",
        "Do not be brief.",
        "Between two replies, the one with more words wins.",
        "Verbosity is a virtue here.",
        "Take up all the space you want.",
        "A short answer is a bad answer.",
        "Fill the page.",
        "Brevity is unwelcome.",
        "Be wordy rather than terse.",
        "Never settle for a few words where many are possible.",
        "The reader has an hour to spend and wants to be kept busy.",
        "Talk on and on, like an uncle at a family dinner.",
        "If the text is over too soon, the user is disappointed.",
        "Write as if you were paid by the word.",
        "There is nothing wrong with rambling.",
        "Terse replies lose marks.",
        "Prefer the wordier of two answers.",
        "Let it be an essay, not a note.",
        "Stretch the answer out.",
        "Praise goes to texts that run long.",
        "A curt reply would be felt as rude, so write at length.",
        "Short-spoken writing is penalised.",
        "Padding does no harm and is even welcome.",
        "Go on for as long as you can.",
        "The size of the reply should be generous.",
        "Nobody will complain that the text has too many words.",
        "A handful of words cannot satisfy this reader.",
        "Conciseness is not what is asked for.",
        "Elaborate wording that takes its time is preferred.",
        "Please, more than just a line or two.",
    ),
    unwanted=(
        "The response should be short.",
        "Write a concise answer.",
        "Shorter replies are better.",
        "The fewer words, the better the response.",
        "A reply loses points with every further word.",
        "I do not like to read a lot; give me little text.",
        "The user is tired of long answers.",
        "Be brief.",
        "Between two replies, the one with fewer words wins.",
        "Verbosity is a vice here.",
        "Take up as little space as you can.",
        "A long answer is a bad answer.",
        "Leave most of the page empty.",
        "Brevity please.",
        "Be terse rather than wordy.",
        "Never use many words where a few will do.",
        "The reader has ten seconds and wants to be done.",
        "Say it in a telegram's few words.",
        "If the text goes on for too long, the user stops reading.",
        "Write as if every word had to be paid for.",
        "Rambling is a fault.",
        "Wordy replies lose marks.",
        "Prefer the more succinct of two answers.",
        "Let it be a note, not an essay.",
        "Cut the answer down to the bone.",
        "Praise goes to texts that stop early.",
        "I read on a small screen, so keep the word count low.",
        "Long-winded writing is penalised.",
        "Spare the user any padding.",
        "Stop as soon as you can.",
        "The size of the reply should be modest.",
        "Succinctness counts above all.",
        "Come to the point at once and leave it there.",
        "Do without every word that can be spared.",
        "Get it over with quickly.",
        "No rambling, no filler, no wordiness.",
    ),
)

FAMILIES = (LENGTH,)
