"""Lines and paragraphs."""

import re

import numpy as np

from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import finish, neutral, padded, parts, prose, sentence_ends

_BLANK = re.compile(r"\n[ \t]*(?:\n[ \t]*)+")


def _breaks(_prompt: str, response: str, _parameter: str) -> float:
    return sum(bool(line.strip()) for line in response.split("\n")) - 1


def _paragraph_breaks(_prompt: str, response: str, _parameter: str) -> float:
    return len(_BLANK.findall(response.strip()))


def _broken(text: str, gap: str, rng: np.random.Generator) -> str:
    """The text with a gap at some of the ends of its sentences, or else at some of its commas or spaces."""
    places = [place for place in sentence_ends(text) if "\n" not in text[place : place + 2]]
    places = places or [match.end() for match in re.finditer(r",(?= )", text)]
    places = places or [match.start() for match in re.finditer(r"(?<=\S) (?=\S)", text)]
    number = len(places) if rng.random() < 0.4 else int(rng.integers(1, len(places) + 1)) if places else 0
    for place in sorted(rng.permutation(places)[:number].tolist(), reverse=True):
        text = f"{text[:place]}{gap}{text[place:].lstrip()}"
    return text


def _edit_lines(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The answer's own lines, or some more, against the same on one line."""
    if "\n" in answer.strip() and rng.random() < 0.5:
        more = answer.strip()
        return (more, " ".join(more.split())) if rng.random() < 0.5 else (more, prose(more))
    one = " ".join(answer.split())
    if " " not in one:
        one = f"{finish(one)} {neutral(rng)[0]}"
    return _broken(one, "\n\n" if rng.random() < 0.3 else "\n", rng), one


def _edit_paragraphs(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Paragraphs with blank lines between them against lines without, or one block."""
    text = answer.strip()
    if len(parts(text)) < 2:
        text = f"{finish(text)} {' '.join(neutral(rng, int(rng.integers(1, 4))))}"
    if _BLANK.search(text) and rng.random() < 0.6:
        return text, padded(_BLANK.sub("\n" if rng.random() < 0.5 else " ", text), rng)
    one = _BLANK.sub("\n", text)
    lines = one.split("\n")
    if len(lines) > 1 and rng.random() < 0.5:
        return "\n\n".join(lines), padded(one, rng)
    flat = " ".join(finish(part) for part in parts(text))
    more = _broken(flat, "\n\n", rng)
    return more, padded(more.replace("\n\n", "\n") if rng.random() < 0.4 else flat, rng)


LINES = Family(
    name="lines",
    measure=_breaks,
    edit=_edit_lines,
    topics=(
        "many lines",
        "line breaks",
        "several lines",
        "new lines",
        "a fresh line for each thought",
        "text broken into lines",
        "lines as in a poem",
        "the return key",
        "one sentence per line",
        "a layout of many rows",
    ),
    absence=(
        "a single line",
        "text without line breaks",
        "one unbroken line",
        "everything on one line",
        "text that never starts a new line",
        "one continuous row of words",
        "a one-line layout",
        "uninterrupted text",
    ),
    wanted=(
        "The response should have many lines.",
        "Use line breaks.",
        "Begin a new line often.",
        "Text on several lines is better than text on one.",
        "I want every thought on its own line.",
        "Press return generously.",
        "Break the text like verse.",
        "A reply on a single line loses points.",
        "Do not put everything on one line.",
        "The user likes to see many short lines below each other.",
        "Line breaks are welcome everywhere.",
        "If the text has no line break, it is hard to read on a phone.",
        "Of two replies, the one with more lines is better.",
        "Never leave out the line break between sentences.",
        "Rows upon rows, please.",
        "The answer should run down the page, not across it.",
        "Start afresh on the next line whenever a sentence is over.",
        "An unbroken line of text is penalised.",
    ),
    unwanted=(
        "The response should have just one line.",
        "Do not use line breaks.",
        "Never begin a new line.",
        "Text on one line is better than text on several.",
        "I want all thoughts on the same line.",
        "Do not press return.",
        "Break the text nowhere.",
        "A reply on several lines loses points.",
        "Put everything on one line.",
        "The user hates to see many short lines below each other.",
        "Line breaks are unwelcome everywhere.",
        "If the text has a line break, the program cannot read it.",
        "Of two replies, the one with fewer lines is better.",
        "Leave out the line break between sentences.",
        "A single row, please.",
        "The answer should run across the page, not down it.",
        "Stay on the same line when a sentence is over.",
        "Line breaks are penalised, so keep the text together.",
    ),
)

PARAGRAPHS = Family(
    name="paragraphs",
    measure=_paragraph_breaks,
    edit=_edit_paragraphs,
    topics=(
        "several paragraphs",
        "paragraphs with blank lines between them",
        "empty lines",
        "blank lines",
        "a division into paragraphs",
        "many paragraphs",
        "white space between the parts",
        "blocks of text set apart from each other",
        "paragraph breaks",
        "separate sections with space in between",
    ),
    absence=(
        "a single paragraph",
        "text without blank lines",
        "one block of text",
        "one paragraph only",
        "text that hangs together without a gap",
        "an undivided block",
        "a layout without empty lines",
        "no paragraph breaks",
    ),
    wanted=(
        "The response should have several paragraphs.",
        "Divide the text into paragraphs.",
        "Leave an empty line between the parts.",
        "More paragraphs are better than one.",
        "I like blank lines, for they give the eye a rest.",
        "A solid block of text loses points.",
        "Begin a new paragraph whenever the thought changes.",
        "Do not forget the paragraph breaks.",
        "Set the parts of the answer apart with white space.",
        "The user wants to see a text with air between its blocks.",
        "Never write it all as one paragraph.",
        "Of two replies, choose the one with more paragraphs.",
        "If there is no blank line, the reply is hard to read.",
        "Lay it out like a newspaper article, paragraph by paragraph.",
        "Paragraphs, please.",
        "Blank lines are a plus.",
        "A reader is thankful for every gap in the text.",
        "Writing that is cut into separate blocks gets the prize.",
    ),
    unwanted=(
        "The response should have just one paragraph.",
        "Do not divide the text into paragraphs.",
        "Leave no empty line between the parts.",
        "One paragraph is better than more.",
        "I dislike blank lines, for they waste the page.",
        "A solid block of text wins points.",
        "Do not begin a new paragraph when the thought changes.",
        "Forget about paragraph breaks.",
        "Keep the parts of the answer together, with no white space in between.",
        "The user wants to see a text without any air between its blocks.",
        "Always write it all as one paragraph.",
        "Of two replies, choose the one with fewer paragraphs.",
        "If there is a blank line, the reply falls apart.",
        "Lay it out like the small print of a contract, in one dense block.",
        "A single paragraph, please.",
        "Blank lines are a minus.",
        "A reader stumbles over every gap in the text.",
        "Writing that is cut into separate blocks gets no prize.",
    ),
)

FAMILIES = (LINES, PARAGRAPHS)
