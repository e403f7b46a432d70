"""The same content in another form: sentences, prose, items."""

import re
from collections.abc import Sequence

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.neutral import NEUTRAL
from salmon.principles.verifiers.text import num_words, sentences

_OPEN_END = re.compile(r"[\s,;:\u2013-]+$")
_CLOSED = re.compile(r"[.!?\u2026][\"')\]*_]*$")
_CLAUSE_END = re.compile(r"[,;:]\s+(?:(?:and|but|so)\s+)?|\s+(?:and|but)\s+|\s+(?=(?:because|which|while)\s)")
_SENTENCE_END = re.compile(
    r"(?<!\b[MDSJ]r\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\b\d\.)(?<!\b\d\d\.)(?<=[.!?])(?=[ \t]+\S)|(?<=[^\s:])(?=\s*\n\s*\S)"
)
_LISTED = re.compile(r"[ \t]*(?:[-*+\u2022#|]|\(?\d+[.)])\s")
_OPENERS = frozenset(
    "a add after all also always an and another any are as ask at avoid because before being besides both but by can "
    "check choose consider could do does during each even every finally find first for from get give have he her here "
    "his how however if imagine in instead is it its just keep knowing later let look make many maybe most my never no "
    "not nothing now of often on once one only or our people perhaps please put read remember second she simply since "
    "small so some sometimes start stay such take that the their then there therefore these they third this those "
    "though through thus to together today try two unfortunately use we what when where which while who why with "
    "without write yes you your".split()
) | {sentence.split()[0].lower().strip(",") for sentence in NEUTRAL}
_TABLE_RULE = re.compile(r"^[ \t]*\|[-:| \t]+\|[ \t]*$", re.MULTILINE)
_FENCE_LINE = re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE)


def parts(text: str) -> list[str]:
    """The sentences and items of a text without the markers of lists; at least one unless the text is blank."""
    plain = re.sub(r"[ \t]*\|[ \t]*", " ", _TABLE_RULE.sub("", _FENCE_LINE.sub("", text)))
    return sentences(plain) or [part for part in (text.strip(),) if part]


def finish(text: str) -> str:
    """The text with a mark at its end, as a text that breaks off has none."""
    text = text.rstrip()
    return text if _CLOSED.search(text) else f"{_OPEN_END.sub('', text)}."


def unfinish(text: str) -> str:
    """The text without a full stop at its end."""
    return _OPEN_END.sub("", re.sub(r"(?<!\.)\.$", "", text.strip()))


def lower_first(text: str) -> str:
    """The text with a small first letter, where its first word is no name."""
    first = re.match(r"[A-Za-z]+", text)
    return text[0].lower() + text[1:] if first and first[0].lower() in _OPENERS else text


def upper_first(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def prose(text: str) -> str:
    """All sentences and items of a text in one paragraph, each with a mark at its end."""
    found = parts(text)
    return " ".join([*(finish(part) for part in found[:-1]), *found[-1:]])


def neutral(rng: np.random.Generator, number: int = 1) -> list[str]:
    """Neutral sentences, all different."""
    return [NEUTRAL[int(place)] for place in rng.permutation(len(NEUTRAL))[:number]]


def several_parts(text: str, rng: np.random.Generator, least: int = 2) -> list[str]:
    """The sentences of a text with a mark at the end of each, and neutral ones behind them if they are too few."""
    found = [finish(part) for part in parts(text)]
    return [*found, *neutral(rng, max(0, least - len(found)))]


def clauses(sentence: str) -> list[str]:
    """A sentence cut at its commas and conjunctions, each piece with at least three words; one piece if none fits."""
    pieces, start = [], 0
    for cut in _CLAUSE_END.finditer(sentence):
        if num_words(sentence[start : cut.start()]) >= 3 and num_words(sentence[cut.end() :]) >= 3:
            pieces.append(sentence[start : cut.start()])
            start = cut.end()
    return [*pieces, sentence[start:]]


def sentence_ends(text: str) -> list[int]:
    """Where a sentence or a line ends within the text, so that something can stand behind it."""
    return [match.end() for match in _SENTENCE_END.finditer(text.rstrip())]


def insert(text: str, sentence: str, rng: np.random.Generator) -> str:
    """The text with a sentence in front, behind, or between two of its sentences; lists stay lists."""
    return insert_either(text, (sentence,), rng)[0]


def insert_either(text: str, options: Sequence[str], rng: np.random.Generator) -> list[str]:
    """For each of the options the text with it in front, behind or between two sentences: the same place for all."""
    place = int(rng.choice([0, *sentence_ends(text), len(text)]))
    if place == 0:
        gap = "\n" if _LISTED.match(text) else " "
        return [f"{option}{gap}{text}" for option in options]
    before = finish(text[:place])
    return [f"{before} {option}{text[place:]}" for option in options]


def padded(text: str, rng: np.random.Generator) -> str:
    """The text, in two of five cases with a neutral sentence, so that the answer with more of a feature is not always
    the longer one.
    """
    return insert(text, neutral(rng)[0], rng) if rng.random() < 0.4 else text


def shorten(text: str, rng: np.random.Generator) -> str:
    """The text without its end: a sentence, several, a few words or more; all of a text of one word is kept."""
    ends = sentence_ends(text)
    words_end = [match.end() for match in re.finditer(r"\S+(?=\s)", text)][1:]
    if ends and (rng.random() < 0.7 or not words_end):
        return text[: ends[int(rng.integers(len(ends)))]]
    if not words_end:
        return text
    kept = words_end[int(len(words_end) * rng.uniform(0.25, 0.85))]
    return finish(text[:kept]) if rng.random() < 0.5 else text[:kept]


def strip_emphasis(text: str) -> str:
    """The text without Markdown's signs of bold and italics."""
    return re.sub(r"(\*{1,3}|__)(?=\S)([^*\n]+?)(?<=\S)\1", r"\2", text)


def content_words(text: str) -> list[str]:
    """The longer words of a text, each once, in their order."""
    found = re.findall(r"[A-Za-z]{4,}", text)
    return list({word.lower(): word for word in found if word.lower() not in _OPENERS}.values())


def separator(rng: np.random.Generator) -> str:
    """What joins two sentences into one."""
    return pick(("; ", ", and ", ", while ", ", and ", " - "), rng)
