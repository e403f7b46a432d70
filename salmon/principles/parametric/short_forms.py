"""English short forms made long ("it's" -> "it is") and long ones made short."""

import re
from functools import partial

import numpy as np

_LONG = tuple(
    (re.compile(pattern, re.IGNORECASE), long)
    for pattern, long in (
        (r"\b(c)an't\b", r"\1annot"),
        (r"\b(w)on't\b", r"\1ill not"),
        (r"\b(sh)an't\b", r"\1all not"),
        (r"\bain't\b", "is not"),
        (r"\b(let)'s\b", r"\1 us"),
        (r"\b([a-z]+)n't\b", r"\1 not"),
        (r"\b([a-z]+)'re\b", r"\1 are"),
        (r"\b([a-z]+)'ve\b", r"\1 have"),
        (r"\b([a-z]+)'ll\b", r"\1 will"),
        (r"\b(i)'m\b", r"\1 am"),
        (r"\b(i|you|he|she|it|we|they|who|there|that)'d\b", r"\1 would"),
        (r"\b(it|that|there|here|what|who|where|how|when|why|he|she)'s\b", r"\1 is"),
    )
)
_NEXT = r"(?= \w)"  # "as good as it is." has no short form
_SHORT = tuple(
    (re.compile(pattern, re.IGNORECASE), short)
    for pattern, short in (
        (r"\b(c)an ?not\b", r"\1an't"),
        (r"\b(w)ill not\b", r"\1on't"),
        (r"\b(do|does|did|is|are|was|were|has|have|had|would|should|could) not\b", r"\1n't"),
        (rf"\b(it|that|there|here|what|who|where|he|she) is\b{_NEXT}", r"\1's"),
        (rf"\b(you|we|they) are\b{_NEXT}", r"\1're"),
        (rf"\b(i) am\b{_NEXT}", r"\1'm"),
        (rf"\b(i|you|he|she|it|we|they) will\b{_NEXT}", r"\1'll"),
        (rf"\b(i|you|he|she|we|they) would\b{_NEXT}", r"\1'd"),
        (r"\b(i|you|we|they) have(?= (?:been|had|got|[a-z]+ed)\b)", r"\1've"),
        (rf"\b(let) us\b{_NEXT}", r"\1's"),
    )
)


def long_forms(text: str) -> str:
    """The text without contractions."""
    text = text.replace("\u2019", "'")
    for pattern, long in _LONG:
        text = pattern.sub(long, text)
    return text


def short_forms(text: str, rng: np.random.Generator, share: float = 1.0) -> str:
    """The text with contractions, where it can have some; about a share of them."""

    def maybe(short: str, found: re.Match[str]) -> str:
        return found.expand(short) if rng.random() < share else found[0]

    for pattern, short in _SHORT:
        text = pattern.sub(partial(maybe, short), text)
    return text
