"""Commas: how many of them there are for the number of words."""

import re

import numpy as np

from salmon.principles.parametric.carriers import ASIDES
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import padded
from salmon.principles.verifiers.text import num_words, plain

_COMMA = re.compile(r",(?!\d)|(?<!\d),")
_SPLICE = re.compile(r"(?<=[^\W\d_]) (?=(?:and|but|or|because|which|while|when|with|if|so|that|then|as|where)\b)")
_GAP = re.compile(r"(?<=[^\W\d_]) (?=[^\W\d_])")


def _rate(_prompt: str, response: str, _parameter: str) -> float | None:
    text = plain(response)
    number = num_words(text)
    return len(_COMMA.findall(text)) / number if number else None


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Commas are put before conjunctions or around asides, taken out, or both."""
    more, less = answer, answer
    if _COMMA.search(answer):
        less = _thinned(answer, 1.0 if rng.random() < 0.5 else 0.5, rng)
    if less == answer or rng.random() < 0.5:
        splices = list(_SPLICE.finditer(answer))
        number = int(rng.integers(1, 1 + min(len(splices), 5))) if splices else 0
        for i in sorted(rng.permutation(len(splices))[:number].tolist(), reverse=True):
            more = f"{more[: splices[i].start()]},{more[splices[i].start() :]}"
    if _too_close(more, less) or rng.random() < 0.2:
        more, less = _with_asides(more, less, rng)
    longer = padded(less, rng)
    return more, less if _too_close(more, longer) else longer  # a neutral sentence may have commas


def _thinned(text: str, share: float, rng: np.random.Generator) -> str:
    """The text with a share of its commas, one at least, gone."""
    commas = [found.start() for found in _COMMA.finditer(text)]
    gone = set(rng.permutation(commas)[: max(1, round(share * len(commas)))].tolist())
    return "".join(sign for place, sign in enumerate(text) if place not in gone)


def _too_close(more: str, less: str) -> bool:
    return COMMAS.prefers("", more, less, "") != 1


def _with_asides(more: str, less: str, rng: np.random.Generator) -> tuple[str, str]:
    """The first with asides, one for every twelve words; the second with as many outside of commas, or none."""
    bare = rng.random() < 0.5
    for _ in range(1 + num_words(more) // 12):
        aside = pick(ASIDES, rng)
        more, less = _put(more, f", {aside},", rng), less if bare else _put(less, f" {aside}", rng)
    return more, less


def _put(text: str, piece: str, rng: np.random.Generator) -> str:
    gaps = [gap.start() for gap in _GAP.finditer(text)]
    if not gaps:
        return f"{text.rstrip('.!?')}{piece.rstrip(',')}."
    place = gaps[int(rng.integers(len(gaps)))]
    return text[:place] + piece + text[place:]


COMMAS = Family(
    name="commas",
    measure=_rate,
    edit=_edit,
    clear=0.15,
    topics=(
        "commas",
        "many commas",
        "a comma every few words",
        "sentences divided by commas",
        "plenty of commas",
        "comma-rich sentences",
        "insertions between commas",
        "frequent short pauses, marked by commas",
        "enumerations and clauses set off by commas",
        "a high density of commas",
    ),
    absence=(
        "few commas",
        "sentences without commas",
        "clauses that flow without a comma",
        "as little comma punctuation as possible",
        "long stretches of words between one comma and the next",
        "wording that needs no commas",
        "a low density of commas",
        "unbroken sentences, free of little hooks",
    ),
    wanted=(
        "The response should have many commas for its length.",
        "Use commas generously.",
        "The more commas per word, the better.",
        "Divide your sentences into small bites, with commas in between.",
        "I like a text, when it is, so to speak, full of commas.",
        "A comma too many is no harm, a comma too few is.",
        "Let the reader take a breath, again and again, at a comma.",
        "Do not save on commas.",
        "Write, like Henry James, in clauses, asides, and further clauses.",
        "Of two texts, pick the one whose commas lie closer together.",
        "Sentences without commas are dull.",
        "Sprinkle commas all over the text.",
        "It deserves praise if hardly five words pass without a comma.",
        "Commas, commas, commas.",
        "Leave no clause without the comma that sets it off.",
        "Where a comma is optional, put it.",
        "The little hook on the line should be a frequent guest.",
        "A reply whose sentences run on without commas is to be marked down.",
    ),
    unwanted=(
        "The response should have few commas for its length.",
        "Use commas sparingly.",
        "The fewer commas per word the better.",
        "Keep your sentences whole, with no commas in between.",
        "I like a text when it flows without commas.",
        "A comma too few is no harm, but a comma too many is.",
        "The reader should not have to stop for breath at a comma all the time.",
        "Save on commas.",
        "Write, like Hemingway, in plain clauses that need no comma.",
        "Of two texts, pick the one whose commas lie further apart.",
        "Sentences full of commas are tiresome.",
        "Weed the commas out of the text.",
        "It deserves praise if whole sentences pass without a comma.",
        "No commas, please, if you can help it.",
        "Leave out asides and clauses that a comma would have to set off.",
        "Where a comma is optional, drop it.",
        "The little hook on the line should be a rare guest.",
        "A reply whose sentences are chopped up by commas is to be marked down.",
    ),
)

FAMILIES = (COMMAS,)
