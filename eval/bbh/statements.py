"""Where a text says what its answer is: "the answer is ...", a LaTeX box, "(B) is correct".

What is asked ("is the answer ...?"), supposed ("if the answer is ...") or denied ("I do not think that the answer is
...") states nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from eval.bbh.kinds import AnswerKind
from eval.bbh.own_text import BOX_END, BOX_START

LONGEST_LINE = 2000  # characters that are looked at after a statement
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")

_SAYS = r"(?P<between>(?:(?!\banswer\b)[^.:=?!\n]){0,60}?)(?:\b(?:is|are|be)\b(?!n't)|(?=[:=]|->|→))\s*+(?:[:=]|->|→)?"
_NAMES = (
    r"answers?|ans|(?:correct|right|best) (?:option|choice|statement|sentence)|"
    r"final (?:result|value|solution|output|verdict|conclusion)"
)
_CHOOSES = r"|\bI(?:'d| would|'ll| will)? (?:choose|pick|select|go with|answer)\b:?"
_HEADING = r"|(?<![^\n])(?:final |correct )?answer[ \t]*+(?=\n)"
_OF_KIND = {AnswerKind.validity: "|argument", AnswerKind.text: "|sorted|alphabetical(?:ly)?"}
_STATED = {
    kind: re.compile(rf"\b(?:{_NAMES}{_OF_KIND.get(kind, '')})\b{_SAYS}{_CHOOSES}{_HEADING}", re.IGNORECASE)
    for kind in AnswerKind
}
_BOX = re.compile(BOX_START)
_LETTER_IS_RIGHT = re.compile(
    r"(?:\([A-Za-z]\)|\b(?:[Oo]ption|[Cc]hoice|[Ss]tatement|[Ss]entence) [A-Z]\b|\b[B-HJ-Z]\b)"
    r"(?= (?:is|must be|would be|seems)(?: [a-z]+ly)?(?: the)?(?: (?:correct|right|best)| answer)\b(?!\s*\?))"
)
_UNCERTAIN = re.compile(
    r"\b(?:not|never|no|neither|nor|cannot|if|when|where|whether|while|unless|depends?|assuming|because|since|than)\b|n't",
    re.IGNORECASE,
)
_SUPPOSED = re.compile(
    r"\b(?:if|whether|suppose|supposing|assume|assuming|unless|wonder|ask|asks|nor|or|and|neither)"
    r"(?: that)?(?: the| my| an?)?(?: final| correct| right)?\s*$"
    r"|(?:\bnot|\bnever|n't)\b[^.,;:!?\n]*$",
    re.IGNORECASE,
)
_BESIDE_ANOTHER = re.compile(r"(?:\b(?:or|and|nor)|[/,])\s*$", re.IGNORECASE)
_BEFORE = 40  # characters before a statement that may take it back


@dataclass(frozen=True)
class Statement:
    """What follows the words with which a text states its answer."""

    line: str  # to the end of the first line that is not blank
    following: str  # the lines after it
    boxed: str | None  # the content of the LaTeX box that the statement is

    @property
    def sentence(self) -> str | None:
        """The line's first sentence; None if it is a question."""
        end = SENTENCE_END.search(self.line)
        if end is None:
            return self.line.strip()
        return None if end[0] == "?" else self.line[: end.start()].strip()


def statements(text: str, kind: AnswerKind) -> Iterator[Statement]:
    """Every place where a text (of ``own_text``) states its answer, the last one first."""
    for start, boxed in sorted(set(_starts(text, kind)), reverse=True):
        line, _, following = text[start : start + LONGEST_LINE].lstrip().partition("\n")
        content = line.partition(BOX_END)[0] if boxed else None
        yield Statement(line.replace(BOX_START, "").replace(BOX_END, ""), following, content)


def _starts(text: str, kind: AnswerKind) -> Iterator[tuple[int, bool]]:
    """(where the answer begins, whether it is in a box)."""
    for found in _STATED[kind].finditer(text):
        if not _taken_back(text, found.start()) and not _UNCERTAIN.search(found["between"] or ""):
            yield found.end(), False
    for found in _BOX.finditer(text):
        before = text[max(0, found.start() - _BEFORE) : found.start()]
        if not _taken_back(text, found.start()) and not _BESIDE_ANOTHER.search(before):
            yield found.end(), True
    for found in _LETTER_IS_RIGHT.finditer(text) if kind is AnswerKind.option else ():
        if not _taken_back(text, found.start()):
            yield found.start(), False


def _taken_back(text: str, place: int) -> bool:
    return _SUPPOSED.search(text[max(0, place - _BEFORE) : place]) is not None
