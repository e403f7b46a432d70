"""Contractions: "don't" rather than "do not"."""

import numpy as np

from salmon.principles.parametric.contrast import placed, sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.neutral import NEUTRAL
from salmon.principles.parametric.short_forms import long_forms, short_forms
from salmon.principles.verifiers.phrases import CONTRACTIONS, compiled
from salmon.principles.verifiers.text import plain

_CONTRACTION = compiled(CONTRACTIONS)
_LONG = (
    "It is a simple matter.",
    "That is the whole idea.",
    "It does not take long.",
    "There is a second part.",
    "They are not far from here.",
    "This will not change.",
    "It cannot be seen from here.",
    "What is left goes into the box.",
    "The two do not belong together.",
    "Here is the main point.",
    "You will see the difference.",
    "The size is not fixed.",
    "It was not always so.",
    "We are at the beginning.",
    "The parts have not changed.",
    "That would not be enough.",
    "It is not the same thing.",
    "They did not see it.",
)


def _count(_prompt: str, response: str, _parameter: str) -> float:
    return len(_CONTRACTION.findall(plain(response)))


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The short forms of some or all places that can have one, against the long forms."""
    long = long_forms(answer)
    short = short_forms(long, rng, float(rng.choice((1.0, 0.5))))
    if not _count("", short, "") or rng.random() < 0.3:
        sentence, where = pick(_LONG, rng), int(rng.integers(len(sentence_spans(long)) + 1))
        short, long = placed(short, short_forms(sentence, rng), where), placed(long, sentence, where)
    if rng.random() < 0.3:  # so that the long forms are not always the longer text
        return placed(short, pick(NEUTRAL, rng), int(rng.integers(len(sentence_spans(short)) + 1))), long
    return short, long


CONTRACTIONS_FAMILY = Family(
    name="contractions",
    measure=_count,
    edit=_edit,
    clear=0.1,
    topics=(
        "contractions",
        "contracted forms",
        "short forms such as it's and don't",
        "words with an apostrophe in place of letters",
        "don't instead of do not",
        "verbs shortened by an apostrophe",
        "the clipped verb forms of spoken English",
        "we're, isn't and the like",
        "apostrophes that swallow a letter",
        "merged words like can't",
    ),
    absence=(
        "full verb forms",
        "uncontracted verbs",
        "do not instead of don't",
        "the long forms it is and cannot",
        "verbs written out in full",
        "text without a single contraction",
        "unabridged negations such as does not",
        "words with all their letters",
    ),
    wanted=(
        "The response should have contractions.",
        'Write "don\'t" where others would write "do not".',
        "Short forms with an apostrophe are welcome in the answer.",
        'I like it when "it is" melts into "it\'s".',
        "The text gains a point for every can't, won't and isn't.",
        "Never write a negation out in full.",
        'Better "we\'re" than "we are".',
        "Shorten verbs the way people do when they speak.",
        "If two words can be merged by an apostrophe, merge them.",
        "A reply in which every verb is spelled out reads like a machine.",
        "Contracted forms, please.",
        'There is no reason to avoid "I\'m" and "you\'ll".',
        "Let apostrophes swallow a letter here and there.",
        'Writers who squeeze "that is" into "that\'s" are to be preferred.',
        'This reader finds "cannot" and "do not" stilted, so clip them.',
        'An answer without any "n\'t" in it is marked down.',
        "Write verbs as in a comic strip, clipped and quick.",
        "Leaving verbs in their long form is a mistake.",
        "The more clipped verb forms, the better the writing.",
    ),
    unwanted=(
        "The response should have no contractions.",
        'Write "do not" where others would write "don\'t".',
        "Short forms with an apostrophe are unwelcome in the answer.",
        'I hate it when "it is" melts into "it\'s".',
        "The text loses a point for every can't, won't and isn't.",
        "Always write a negation out in full.",
        'Better "we are" than "we\'re".',
        "Do not shorten verbs the way people do when they speak.",
        "Even if two words can be merged by an apostrophe, keep them apart.",
        "A reply in which every verb is spelled out reads as it should.",
        "No contracted forms, please.",
        'There is every reason to avoid "I\'m" and "you\'ll".',
        "Let no apostrophe swallow a letter.",
        'Writers who squeeze "that is" into "that\'s" are to be rejected.',
        'This reader finds "can\'t" and "don\'t" sloppy, so spell them out.',
        'An answer with even one "n\'t" in it is marked down.',
        "Write verbs as in a treaty, each with all its letters.",
        "Leaving verbs in their long form is a virtue.",
        "The fewer clipped verb forms, the better the writing.",
    ),
)

FAMILIES = (CONTRACTIONS_FAMILY,)
