"""Long, difficult words against short, simple ones."""

import re

import numpy as np

from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, insert
from salmon.principles.verifiers.text import words

CLEAR = 0.08  # the mean length of words differs by little between texts
_EITHER_WAY = (  # short and long in the same place of a sentence
    "use utilize,help facilitate,show demonstrate,start commence,begin commence,end terminate,get acquire,"
    "big considerable,many innumerable,about approximately,also additionally,but nevertheless,need necessitate,"
    "good advantageous,bad disadvantageous,great extraordinary,hard challenging,easy uncomplicated,"
    "think contemplate,find discover,give contribute,keep maintain,people individuals,way methodology,"
    "part component,place location,work employment,home residence,food nourishment,money remuneration,"
    "different distinguishable,important indispensable,problem complication,answer clarification,"
    "idea conceptualization,ideas conceptualizations,small insignificant,old antiquated,new unprecedented,"
    "words expressions,quick instantaneous,enough sufficient,often frequently,very extraordinarily,"
    "true indisputable,happy enthusiastic,clear comprehensible,simple straightforward,friend acquaintance,"
    "read scrutinize,say articulate,says articulates,move relocate,set establish,live reside"
)
_ONLY_SHORTER = (
    "completely all,essential key,information facts,understand grasp,understanding grip,multiple some,"
    "various some,significant big,including with,because as,experience life,process way,environment place,"
    "through by,particularly most,opportunity chance,provide give,provides gives,equation sum,beautiful fair,"
    "difficult hard,someone one,recently now,children kids,calculate find,creating making,create make"
)
_LONGER = dict(pair.split() for pair in _EITHER_WAY.split(","))
_SHORTER = {longer: shorter for shorter, longer in _LONGER.items()} | dict(
    pair.split() for pair in _ONLY_SHORTER.split(",")
)
_LONG_SENTENCES = (
    "Comprehensive preparation considerably facilitates understanding.",
    "Numerous circumstances necessitate extraordinary consideration.",
    "Traditional interpretations occasionally demonstrate remarkable similarities.",
    "Environmental characteristics significantly influence individual experiences.",
    "Appropriate communication substantially strengthens collaborative relationships.",
    "Historical documentation illustrates continuous transformation.",
    "Systematic observation encourages independent conclusions.",
    "Professional organizations periodically reconsider fundamental assumptions.",
    "Technological developments repeatedly revolutionize conventional procedures.",
    "Sophisticated instruments guarantee extraordinarily accurate measurements.",
)
_SHORT_SENTENCES = (
    "It is so for us all, day in and day out.",
    "We can do it if we try, now or in a bit.",
    "All it is is a bit of luck, and a bit of air.",
    "So it is, and so it was, on all of the days.",
    "To go on is all we can do, so on we go.",
    "As far as I can see, it is up to you.",
    "If it is wet or hot out, we go in at six.",
    "One of us has to go to the top of it.",
    "You put it in, and it is as it was.",
    "It may be a bit odd, but it is so.",
)


def _mean_length(_prompt: str, response: str, _parameter: str) -> float | None:
    """Letters and digits per word."""
    found = words(response)
    return sum(map(len, found)) / len(found) if found else None


def _edit(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Words changed for longer or shorter ones, and sentences of such words until the difference is clear."""
    way = rng.random()
    long = _exchange(answer, _LONGER) if way < 0.75 else answer
    short = _exchange(answer, _SHORTER) if way > 0.25 else answer
    both = rng.random()
    longs, shorts = list(rng.permutation(_LONG_SENTENCES)), list(rng.permutation(_SHORT_SENTENCES))
    if both < 0.3:
        long, short = insert(long, longs.pop(), rng), insert(short, shorts.pop(), rng)
    while LONG_WORDS.prefers(prompt, long, short, parameter) != 1 and longs:
        if both < 0.55:
            long = f"{finish(long)} {longs.pop()}"
        elif both < 0.8:
            short = insert(short, shorts.pop(), rng) if shorts else short
            longs = longs if shorts else []
        else:
            long, short = insert(long, longs.pop(), rng), insert(short, shorts.pop(), rng)
    return long, short


def _exchange(text: str, table: dict[str, str]) -> str:
    def other(found: re.Match[str]) -> str:
        word = table.get(found[0].lower(), found[0])
        return word.capitalize() if found[0][0].isupper() else word

    return re.sub(r"\b[A-Za-z]+\b(?!['-])", other, text)


LONG_WORDS = Family(
    name="long_words",
    measure=_mean_length,
    edit=_edit,
    clear=CLEAR,
    topics=(
        "long words",
        "difficult words",
        "words of many letters",
        "words of many syllables",
        "an elaborate vocabulary",
        "big words",
        "a learned vocabulary",
        "polysyllabic words",
        "words that fill the mouth",
        "an academic choice of words",
    ),
    absence=(
        "short words",
        "simple words",
        "words of few letters",
        "words of one syllable",
        "an easy vocabulary",
        "small everyday words",
        "words a child can spell",
        "a plain choice of words",
    ),
    wanted=(
        "The response should be made of long words.",
        "Choose long words.",
        "Longer words are better than shorter ones.",
        "The user enjoys a difficult vocabulary.",
        "Words of many syllables earn points.",
        "Do not shy away from big words.",
        'Say "utilize" rather than "use".',
        "I like words that fill half a line.",
        "Small words make a text look cheap.",
        "Write with the vocabulary of a professor.",
        "Of two answers, take the one whose words have more letters.",
        "A reader should have to reach for the dictionary.",
        "Simple words lose marks.",
        "Every word a mouthful, please.",
        "If a longer term exists, it is the right one.",
        "There is nothing wrong with words that are hard to spell.",
        "Prefer the sophisticated expression to the common one.",
        "The vocabulary may be as heavy as in a treatise, because the reader is an expert.",
        "Sesquipedalian vocabulary is commendable.",
    ),
    unwanted=(
        "The response should be made of short words.",
        "Choose short words.",
        "Shorter words are better than longer ones.",
        "The user dislikes a difficult vocabulary.",
        "Words of many syllables cost points.",
        "Shy away from big words.",
        'Say "use" rather than "utilize".',
        "I dislike words that fill half a line.",
        "Big words make a text look vain.",
        "Write with the vocabulary of a first-grader.",
        "Of two answers, take the one whose words have fewer letters.",
        "A reader should never have to reach for the dictionary.",
        "Simple words win marks.",
        "No word should be a mouthful.",
        "If a shorter term exists, it is the right one.",
        "Words that are hard to spell are out of place.",
        "Prefer the common expression to the sophisticated one.",
        "The vocabulary must be light, because the reader has just begun to learn the language.",
        "Use plain, small words.",
    ),
)

FAMILIES = (LONG_WORDS,)
