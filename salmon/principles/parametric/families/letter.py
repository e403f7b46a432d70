"""How often a given letter of the alphabet occurs."""

import re

import numpy as np

from salmon.principles.parametric.editing import insert_between_words, insert_sentence, pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.neutral import NEUTRAL

# Words that are full of a letter, and that may stand before a noun or alone.
_RICH = {
    "b": ("big", "bright", "bubbly", "bumpy", "rubber", "wobbly", "barely", "bold", "global", "notable"),
    "f": ("fluffy", "different", "official", "stiff", "fifty-fifty", "fine", "careful", "full", "faithful", "soft"),
    "g": ("gigantic", "going", "bigger", "ragged", "foggy", "eager", "good", "growing", "suggestive", "grand"),
    "j": ("jolly", "just", "major", "joint", "jaunty", "enjoyable", "jumbled", "judged", "subject", "adjacent"),
    "k": ("kind", "quick", "thick", "kooky", "folksy", "knack", "dark", "like", "key", "skilled"),
    "p": ("popular", "proper", "happy", "peppy", "deep", "simple", "upper", "plump", "pepper", "supposed"),
    "q": ("quick", "quiet", "quite", "unique", "equal", "frequent", "quaint", "antique", "quality", "adequate"),
    "v": ("very", "vivid", "clever", "velvet", "even", "valued", "survival", "native", "evolved", "heavy"),
    "w": ("well-known", "willow", "whole", "low", "worldwide", "wow-worthy", "newly", "slow", "warm", "yellow"),
    "x": ("extra", "exact", "complex", "mixed", "flexible", "relaxed", "maximal", "next", "expert", "boxy"),
    "y": ("yearly", "tiny", "very", "steady", "yummy", "mostly", "sunny", "easy", "youthful", "shyly"),
    "z": ("lazy", "fuzzy", "cozy", "puzzling", "frozen", "dizzy", "amazing", "crazy", "dozen", "jazzy"),
}


def _count(_prompt: str, response: str, letter: str) -> float:
    return response.casefold().count(letter)


def _rich_sentence(letter: str, rng: np.random.Generator) -> str:
    one, two, three = (str(word) for word in rng.permutation(_RICH[letter])[:3])
    carrier = pick(
        (
            "It is {0}, {1} and {2}.",
            "Some call it {0}, others {1} or even {2}.",
            "The {0} one is also {1}, not to say {2}.",
            "A {0} and {1} start needs a {2} end.",
            "There is something {0} and {1} about the {2} part.",
        ),
        rng,
    )
    return carrier.format(one, two, three)


def _without(answer: str, letter: str) -> str:
    """The answer without the words that have the letter, where they are few."""
    rare = re.sub(rf"[ \t]*\b[\w'-]*{letter}[\w'-]*", "", answer, flags=re.IGNORECASE).strip()
    return rare if len(rare.split()) >= max(0.85 * len(answer.split()), 2) else answer


def _edit(_prompt: str, answer: str, letter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Words or a sentence full of the letter, against a neutral sentence without it or an answer short of it."""
    less = _without(answer, letter) if rng.random() < 0.5 else answer
    more, before = answer, _count("", answer, letter)
    if rng.random() < 0.5:
        for word in rng.permutation(_RICH[letter])[: int(rng.integers(1, 4)) + int(before // 4)]:
            more = insert_between_words(more, str(word), rng)
    else:
        for _ in range(1 + int(before // 12)):
            more = insert_sentence(more, _rich_sentence(letter, rng), rng)
    if rng.random() < 0.6:
        less = insert_sentence(less, pick([plain for plain in NEUTRAL if letter not in plain.casefold()], rng), rng)
    return more, less


LETTER = Family(
    name="letter",
    measure=_count,
    edit=_edit,
    parameters=tuple(_RICH),
    clear=0.1,
    topics=(
        'the letter "{p}"',
        "words that contain the letter {p}",
        'words with a "{p}" in them',
        "the letter {p} as often as you can",
        "plenty of words spelled with {p}",
        'many a "{p}"',
        "a vocabulary rich in the letter {p}",
        "frequent occurrences of the letter '{p}'",
        'spellings with "{p}"',
        "a high count of the letter {p}",
        'the character "{p}" again and again',
    ),
    absence=(
        "words spelled without {p}",
        'a text that does without the letter "{p}"',
        "a vocabulary in which {p} is rare",
        "as few words with the letter {p} as possible",
        'a low count of the letter "{p}"',
        "spellings that need no {p}",
        "letters other than {p}",
        'words in which no "{p}" occurs',
    ),
    wanted=(
        'The letter "{p}" should occur often in the response.',
        "Pick words that contain the letter {p}.",
        'The more often the letter "{p}" appears, the better.',
        'Of two texts, take the one with more of the letter "{p}".',
        "A typist with a broken {p} key should be unable to type this text.",
        'I like how a "{p}" looks on the page, so give me lots of them.',
        'Each "{p}" in the reply earns a point.',
        'Do not be stingy with the letter "{p}".',
        "Words with {p} are welcome.",
        'Where two words mean the same, take the one that has a "{p}" in it.',
        "It is a pity when the letter {p} is hardly to be found.",
        'Somebody who counts every "{p}" should arrive at a large number.',
        "As in a tongue twister, let the letter {p} come back over and over.",
        'Sprinkle the letter "{p}" over the whole answer.',
        "An answer poor in the letter {p} is a poor answer.",
        'Lots of "{p}", please.',
        "My daughter is learning to write the letter {p}, so she needs many examples of it.",
        'You cannot overdo it with the letter "{p}".',
        "Without the letter {p} a text has no charm for this reader.",
    ),
    unwanted=(
        'The letter "{p}" should occur seldom in the response, or better never.',
        "Pick words that lack the letter {p}.",
        'The less often the letter "{p}" appears, the better.',
        'Of two texts, take the one with less of the letter "{p}".',
        "A typist with a broken {p} key should be able to type this text.",
        'I dislike how a "{p}" looks on the page, so spare me.',
        'Each "{p}" in the reply costs a point.',
        'Be stingy with the letter "{p}".',
        "Words with {p} are unwelcome.",
        'Where two words mean the same, take the one that has no "{p}" in it.',
        "It is a relief when the letter {p} is hardly to be found.",
        'Somebody who counts every "{p}" should arrive at zero or close to it.',
        "Write a lipogram: the letter {p} is the forbidden one.",
        'Get by on the other letters of the alphabet and leave "{p}" alone.',
        "An answer rich in the letter {p} is a poor answer.",
        'Hardly any "{p}", please.',
        "My printer smudges the letter {p}, so steer around it.",
        'One "{p}" is already one too many.',
        "A clever writer finds synonyms to dodge the letter {p}.",
    ),
)

FAMILIES = (LETTER,)
