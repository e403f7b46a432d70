"""Dashes and ellipses."""

import re

import numpy as np

from salmon.principles.parametric.carriers import ASIDES
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, lower_first
from salmon.principles.verifiers.text import plain

# An em dash, or a dash between spaces; neither a bullet at the start of a line nor a minus between figures.
_DASH = re.compile(r"(?<=\S)(?! [\u2013-]+ \d)(?: ?\u2014 ?| (?:\u2013|--?) |(?<=\w)--(?=\w))(?=\S)")
_ELLIPSIS = re.compile(r"\.{3,}|\u2026|\. \. \.")
_STOP = re.compile(r"(?<=[^\W\d_])\.(?=\s|$)")
_COMMA = re.compile(r"(?<=[^\W\d_]), (?=[^\W\d_])")
_JOIN = re.compile(r"(?<=[^\W\d_])[.,;] (?=[^\W\d_])|(?<=[^\W\d_]),? (?=(?:and|but|or|because|which|so|while)\b)")


def _num_dashes(_prompt: str, response: str, _parameter: str) -> float:
    return len(_DASH.findall(plain(response)))


def _dash_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Dashes for commas, full stops or nothing between clauses, or around an aside."""
    less = _DASH.sub(", ", answer)
    dash = pick((" \u2014 ", "\u2014", " - ", " \u2013 ", " -- "), rng)
    joins = list(_JOIN.finditer(less))
    if joins and rng.random() < 0.75:
        return _joined(less, joins, dash, rng), less
    aside = pick(ASIDES, rng)
    gaps = [gap.start() for gap in re.finditer(r"(?<=[^\W\d_]) (?=[^\W\d_])", less)]
    if not gaps:
        end = finish(less)
        return f"{end[:-1]}{dash}{aside}{end[-1]}", f"{end[:-1]}, {aside}{end[-1]}"
    place = gaps[int(rng.integers(len(gaps)))]
    plainly = f"{less[:place]}, {aside}, {less[place + 1 :]}" if rng.random() < 0.7 else less
    return f"{less[:place]}{dash}{aside}{dash}{less[place + 1 :]}", plainly


def _joined(text: str, joins: list[re.Match[str]], dash: str, rng: np.random.Generator) -> str:
    """Some of the joints, from one to all, become dashes."""
    number = int(rng.integers(1, 1 + min(len(joins), 4)))
    for i in sorted(rng.permutation(len(joins))[:number].tolist(), reverse=True):
        rest = text[joins[i].end() :]
        text = f"{text[: joins[i].start()]}{dash}{lower_first(rest)}"
    return text


def _num_ellipses(_prompt: str, response: str, _parameter: str) -> float:
    return len(_ELLIPSIS.findall(plain(response)))


def _ellipsis_edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Full stops or commas that become three dots, one or several; or a text that ends in them."""
    less = re.sub(r"\.(?=[!?.])", "", _ELLIPSIS.sub(".", answer))
    dots = pick(("...", "...", "\u2026"), rng)
    marks = list((_STOP if rng.random() < 0.6 else _COMMA).finditer(less))
    if not marks or rng.random() < 0.1:
        return f"{less.rstrip(' .,;:')}{dots}", less
    number = int(rng.integers(1, 1 + min(len(marks), 5)))
    more = less
    for i in sorted(rng.permutation(len(marks))[:number].tolist(), reverse=True):
        more = more[: marks[i].start()] + dots + more[marks[i].start() + 1 :]
    return more, less


DASHES = Family(
    name="dashes",
    measure=_num_dashes,
    edit=_dash_edit,
    topics=(
        "dashes",
        "em dashes",
        "dashes between parts of a sentence",
        "sentences broken by a dash",
        "long dashes",
        "a dash where others put a comma",
        "asides between dashes",
        "at least one dash within a sentence",
        "the long stroke between two thoughts",
        "clauses joined by a dash",
        "dash punctuation",
    ),
    absence=(
        "text without dashes",
        "commas in place of dashes",
        "no em dashes",
        "sentences that no dash interrupts",
        "punctuation that gets by without long strokes",
        "clauses joined by anything but dashes",
        "sentences free of dashes",
        "a text in which no dash separates two thoughts",
    ),
    wanted=(
        "The response should use dashes within its sentences.",
        "Set off a thought with a dash \u2014 at least once.",
        "Use a dash where a comma would do.",
        "Dashes give a text rhythm, so put some in.",
        "Em dashes are welcome in this house.",
        "A sentence with a dash is nicer than a sentence that has none.",
        "Do not leave the long stroke out.",
        "I like writers who break a sentence \u2014 like this.",
        "There should be a pause on the page, drawn as a horizontal line.",
        "A text that lacks dashes lacks life.",
        "Punctuate like Emily Dickinson, with dashes.",
        "One point for each dash inside a sentence.",
        "Let two thoughts be held together by a dash.",
        "Never be shy of an em dash.",
        "Dashes, please!",
        "Some things come best after a dash, so offer one.",
        "The reader should stumble over a dash now and then.",
        "It would be wrong to replace all dashes with commas.",
    ),
    unwanted=(
        "The response should use no dashes within its sentences.",
        "Set off no thought with a dash.",
        "Use a comma where a dash would do.",
        "Dashes make a text restless, so leave them out.",
        "Em dashes are unwelcome in this house.",
        "A sentence that has no dash is nicer than a sentence with one.",
        "Leave the long stroke \u2014 this one \u2014 out.",
        "I am annoyed by writers who break a sentence with a stroke in the middle.",
        "No pause on the page should be drawn as a horizontal line.",
        "A text that lacks dashes reads smoothly, and that is what I ask for.",
        "Punctuate with commas and full stops, not like Emily Dickinson.",
        "One point off for each dash inside a sentence.",
        "Let two thoughts be held together by a word, never by a dash.",
        "Be wary of the em dash \u2014 people say it sounds like a machine.",
        "Dash-free, please!",
        "Nothing is so important that it must come after a dash.",
        "The reader should never stumble over a dash.",
        "It would be right to replace all dashes with commas.",
    ),
)

ELLIPSIS = Family(
    name="ellipsis",
    measure=_num_ellipses,
    edit=_ellipsis_edit,
    topics=(
        "ellipses",
        "three dots in a row",
        "trailing dots...",
        "dot-dot-dot",
        "sentences that trail off...",
        "an ellipsis or two",
        "the suspense of three dots",
        "unfinished thoughts marked by dots",
        "sentence endings that fade out in dots",
        "pauses drawn as ...",
        "suspension points",
    ),
    absence=(
        "text without ellipses",
        "sentences that end firmly, with a single full stop",
        "no trailing dots",
        "thoughts that are brought to an end",
        "one dot at most at the end of a sentence",
        "punctuation without three dots in a row",
        "clear sentence endings in place of dots that fade out",
        "no suspension points",
    ),
    wanted=(
        "The response should contain an ellipsis.",
        "Let some sentences trail off...",
        "Three dots in a row are welcome.",
        "Use dot-dot-dot to build suspense.",
        "A text that fades out here and there is better than one that always ends firmly.",
        "I enjoy the hesitation in three little dots.",
        "Write as people think aloud, with pauses...",
        "Every ellipsis counts in favour of the text.",
        "Do not close each sentence with a single full stop.",
        "Leave something hanging in the air...",
        "Missing suspension points are to be blamed.",
        "The reader should be kept waiting by dots.",
        "One dot is good, three dots are better.",
        "Ellipses please...",
        "It is quite all right to trail off; in fact you must.",
        "Sound dreamy, as somebody who lets thoughts drift away...",
        "Never write a page without an ellipsis on it.",
        "Like a cliffhanger, the text lives on its three dots.",
    ),
    unwanted=(
        "The response should contain no ellipsis.",
        "Let no sentence trail off.",
        "Three dots in a row are unwelcome.",
        "Suspense by dot-dot-dot is cheap, so refrain from it.",
        "A text that always ends firmly is better than one that fades out here and there.",
        "I am irritated by the hesitation in three little dots.",
        "Write as people speak who know what they want, without dots for pauses.",
        "Every ellipsis counts against the text.",
        "Close each statement with a single full stop.",
        "Leave nothing hanging in the air.",
        "Suspension points are to be blamed.",
        "And then... no, the reader should never be kept waiting by dots.",
        "One dot is good, three dots are bad.",
        "Drop the ellipses please...",
        "It is unprofessional to trail off.",
        "Sound decided, as somebody who finishes every thought.",
        "Never write a page with an ellipsis on it.",
        "Dots in a row make a text look like a cliffhanger, and this is none.",
    ),
)

FAMILIES = (DASHES, ELLIPSIS)
