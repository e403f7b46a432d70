"""Two natural answers out of one: the one has a sentence with the feature, the other has a plain one or its own."""

import re
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.neutral import NEUTRAL

Place = Literal["start", "end", "any"]
Span = tuple[int, int]

_BREAK = re.compile(r"(?<=[.!?])[ \t]+|(?<=[.!?][\"”’)])[ \t]+|\n+")
_NUMBERED = re.compile(r"(?:^|[.!?:\n])\s*\d{1,2}\.$")  # before a break: "1." of a list item
_MARKER = re.compile(r"\s*(?:(?:[-*+•]|\d{1,2}[.)]|#+)[ \t]+)?")
_ENDED = re.compile(r"[.!?:][\"”’')*]*\s*$")


def sentence_spans(text: str) -> list[Span]:
    """Where the sentences and lines of a text are, without markers of lists and white space."""
    breaks = [found.span() for found in _BREAK.finditer(text) if "\n" in found[0] or not _numbered(text, found.start())]
    edges = [0, *(edge for span in breaks for edge in span), len(text)]
    spans = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        marker = _MARKER.match(text, start, end)
        start = marker.end() if marker else start
        if text[start:end].strip():
            spans.append((start, end))
    return spans


def replaced(text: str, span: Span, sentence: str) -> str:
    """The text with a sentence in the place of one of its own."""
    return text[: span[0]] + sentence + text[span[1] :]


def purged(text: str, has: Callable[[str], object], rng: np.random.Generator) -> str:
    """The text with plain sentences in the place of those that have a feature."""
    for start, end in reversed(sentence_spans(text)):
        if has(text[start:end]):
            text = replaced(text, (start, end), pick(NEUTRAL, rng))
    return text


def placed(text: str, sentence: str, place: int) -> str:
    """The text with a sentence in front of its sentence of this number, or behind all."""
    spans = sentence_spans(text)
    if not spans:
        return sentence
    if place >= len(spans):
        gap = "\n" if _is_list(_last_line(text)) else " "
        return f"{text.rstrip()}{gap}{sentence}"
    start = spans[place][0]
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip() and _MARKER.fullmatch(text[line:start]):  # in front of the whole list item
        return f"{text[:line]}{sentence}\n{text[line:]}"
    gap = "\n" if not start and _is_list(text) else " "
    return f"{text[:start]}{sentence}{gap}{text[start:]}"


def ended(text: str) -> str:
    """The text without a last sentence that was cut off, if others are left; short list items need no full stop."""
    spans = sentence_spans(text)
    if len(spans) < 2 or _ENDED.search(text) or (_is_list(_last_line(text)) and len(_last_line(text)) < 70):
        return text
    return text[: spans[-2][1]].rstrip()


def contrast(
    answer: str, feature: str, rng: np.random.Generator, *, place: Place = "any", plain: Sequence[str] = NEUTRAL
) -> tuple[str, str]:
    """The answer with a sentence that has a feature, and without it.

    The sentence stands in the place of one of the answer's own, or beside it; then the other answer mostly has one
    or two plain sentences there, so that neither is always the longer one.

    Args:
        answer: the answer, without the feature.
        feature: the sentence that has it.
        place: where the sentence may stand.
        plain: the sentences for the other answer.
    """
    count = len(sentence_spans(answer))
    where = {"start": 0, "end": count, "any": int(rng.integers(count + 1))}[place]
    if where == count:
        answer = ended(answer)
        where = count = len(sentence_spans(answer))
    way = rng.random()
    if way < 0.4 and count > 1 and not (place == "start" and _is_list(answer)):
        span = sentence_spans(answer)[min(where, count - 1)]
        return replaced(answer, span, feature), answer if way < 0.2 else replaced(answer, span, pick(plain, rng))
    more = placed(answer, feature, where)
    if way > 0.8:
        return more, answer
    less = placed(answer, pick(plain, rng), where)
    return more, placed(less, pick(NEUTRAL, rng), where) if way > 0.7 else less


def _numbered(text: str, end: int) -> bool:
    return _NUMBERED.search(text, max(0, end - 8), end) is not None


def _last_line(text: str) -> str:
    return text.rstrip().rsplit("\n", 1)[-1]


def _is_list(text: str) -> bool:
    return re.match(r"\s*(?:[-*+•]|\d{1,2}[.)]|#+)[ \t]", text) is not None
