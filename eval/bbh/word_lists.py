"""Answers that are words: a sorted list, on one line or one word a line, or a title."""

import re

from eval.bbh.kinds import AnswerKind, normal_form
from eval.bbh.statements import SENTENCE_END, Statement

ITEM = re.compile(r"[ \t]*+(?:\(?\d{1,3}[.)]|[-*•])[ \t]++")  # what a line of a list begins with
NUMBERED = re.compile(r"\s\d{1,3}[.)]\s")  # the next item on the same line
EXPLAINED = re.compile(r",?\s+(?:since|because)\b")
ONE_WORD = re.compile(r"[\w&'-]+")


def stated_words(statement: Statement) -> str | None:
    """The words that a statement names; None where it denies them or asks for them."""
    if statement.boxed is not None:
        return _words(statement.boxed)
    if ITEM.match(statement.line):
        return _words(_items([statement.line, *statement.following.split("\n")]))
    sentence = statement.sentence
    return None if sentence is None else _words(EXPLAINED.split(sentence, maxsplit=1)[0])


def bare_words(text: str) -> str | None:
    """The words of a text that is a list and nothing else."""
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    if not lines:
        return None
    if all(ITEM.match(line) for line in lines):
        return _words(_items(lines))
    if len(lines) > 1:
        return _words(" ".join(lines)) if all(ONE_WORD.fullmatch(line) for line in lines) else None
    line = lines[0].removesuffix(".").strip()
    listed = _without_list_marks(line)
    is_sentence = SENTENCE_END.search(listed) or re.search(r"[:?<>=()\"]", listed)
    return None if is_sentence else _words(line)


def _items(lines: list[str]) -> str:
    """The items at the beginning of some lines, joined by spaces; a list ends at the first other line."""
    items = []
    for line in filter(str.strip, lines):
        begun = ITEM.match(line)
        if begun is None:
            break
        items.append(line[begun.end() :].strip())
    return NUMBERED.sub(" ", " ".join(items))


def _words(text: str) -> str | None:
    text = _without_list_marks(text.strip()).strip("\"' ")
    return None if re.match(r"not\b", text, re.IGNORECASE) else normal_form(text, AnswerKind.text) or None


def _without_list_marks(text: str) -> str:
    """Without the brackets and quotes of ``['a', 'b']`` and ``"a", "b"``."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return re.sub(r"\"(?=[\w&'-]+\")|(?<=[\w&'-])\"(?=[\s,]|$)", "", text)
