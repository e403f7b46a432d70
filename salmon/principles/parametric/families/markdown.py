"""Headings and bold type of Markdown."""

import re

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import content_words, finish, padded, sentence_ends, strip_emphasis
from salmon.principles.verifiers.text import without_code

_HASHED = re.compile(r"^ {0,3}#{1,6}[ \t]+(?=.*\w)", re.MULTILINE)
_BOLD_LINE = re.compile(r"^[ \t]*(?:\*\*|__)(?=\S)[^*\n]*\w[^*\n]*(?:\*\*|__):?[ \t]*$", re.MULTILINE)
_UNDERLINED = re.compile(r"^.*\w.*\n[ \t]*(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
_TITLE = re.compile(r"\s*((?:[A-Z\d][\w'-]*|a|an|and|at|for|in|of|on|the|to|with)(?: (?!\n)|(?=\n))){1,8}\n+\s*\S")
_BOLD = re.compile(r"(\*\*|__)(?=\S)[^\n]+?(?<=\S)\1")
_TITLES = (
    "Answer", "Overview", "The Main Points", "What to Know", "In Detail", "A Short Answer", "Some Thoughts",
    "The Question at Hand", "How It Works", "First Steps", "Background", "Notes", "Result", "Things to Remember",
)  # fmt: skip


def _headings(_prompt: str, response: str, _parameter: str) -> float:
    """Headings with hashes, bold lines, underlined lines, and a first line in the case of a title."""
    text = without_code(response)
    marked = sum(len(pattern.findall(text)) for pattern in (_HASHED, _BOLD_LINE, _UNDERLINED))
    return marked or float(_TITLE.match(text) is not None)


def _bold(_prompt: str, response: str, _parameter: str) -> float:
    return len(_BOLD.findall(without_code(response)))


def _edit_heading(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A heading above the answer or above its second part as well; in the other answer none, or its words in a text."""
    plain = _HASHED.sub("", _UNDERLINED.sub(lambda found: found[0].split("\n")[0], answer)).strip()
    plain = strip_emphasis(plain) if _BOLD_LINE.search(plain) else plain
    if _headings("", plain, parameter):  # a title without marks
        plain = re.sub(r"\n+\s*", ": ", plain, count=1)
    words = content_words(plain)[:6]
    title = " ".join(words[:2]).title() if words and rng.random() < 0.5 else pick(_TITLES, rng)
    level = "#" * int(rng.integers(1, 4))
    style = pick((f"{level} {{}}", f"{level} {{}}", "**{}**", "{}\n====="), rng)
    body = plain
    if ends := [place for place in sentence_ends(plain) if rng.random() < 0.3]:
        body = f"{plain[: ends[0]]}\n\n{style.format(pick(_TITLES, rng))}\n\n{plain[ends[0] :].lstrip()}"
    more = f"{style.format(title)}\n\n{body}"
    other = rng.random()
    said = f"{title}: {plain}" if other < 0.3 else f"{finish(plain)} {title}." if other < 0.5 else plain
    return more, padded(said, rng)


def _edit_bold(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Some words or a stretch of words in bold; in the other answer plain, or in italics."""
    plain = strip_emphasis(answer).replace("**", "")
    words = [match.span() for match in re.finditer(r"[^\W\d_]{4,}", plain)]
    words = words or [match.span() for match in re.finditer(r"\w+", plain)]
    if not words:
        return answer, answer
    chosen = sorted(int(place) for place in rng.permutation(len(words))[: int(rng.integers(1, 5))])
    spans = [words[place] for place in chosen]
    if rng.random() < 0.3:  # a stretch instead of single words
        line_end = plain.find("\n", spans[0][0])
        end = max((span[1] for span in spans if line_end < 0 or span[1] <= line_end), default=spans[0][1])
        spans = [(spans[0][0], end)]
    return _marked(plain, spans, "**"), padded(_marked(plain, spans, "*") if rng.random() < 0.25 else plain, rng)


def _marked(text: str, spans: list[tuple[int, int]], mark: str) -> str:
    for start, end in reversed(spans):
        text = f"{text[:start]}{mark}{text[start:end]}{mark}{text[end:]}"
    return text


HEADING = Family(
    name="heading",
    measure=_headings,
    edit=_edit_heading,
    topics=(
        "a heading",
        "headings",
        "a title line",
        "a headline at the top",
        "a Markdown heading",
        "section titles",
        "a line that begins with #",
        "a caption above the text",
        "a title",
        "subheadings",
    ),
    absence=(
        "text without a heading",
        "a start without any title",
        "no headline at all",
        "an untitled text",
        "plain sentences from the first line on",
        "text that does not name its topic in a title",
        "no section titles",
        "body text only",
    ),
    wanted=(
        "The response should have a heading.",
        "Put a title on top.",
        "Headings are welcome.",
        "I like to see from a headline what a text is about.",
        "A text without a title is incomplete.",
        "Give the reply a headline, as newspapers do.",
        "Do not start without a heading.",
        "Points are given for a line with the title.",
        "The user looks for section titles first.",
        "Begin with # and a title.",
        "Nothing speaks against a heading or two.",
        "Of two answers, take the one with a heading.",
        "If the title is missing, the reader is lost.",
        "Name the topic in a line of its own above the text.",
        "Headline first, then the rest.",
        "An untitled answer loses points.",
        "Divide the text with subheadings.",
        "Crown the text with a title.",
        "A title, please.",
    ),
    unwanted=(
        "The response should not have a heading.",
        "Put no title on top.",
        "Headings are unwelcome.",
        "I do not need a headline to see what a text is about.",
        "A text with a title is overdone.",
        "Give the reply no headline, as friends do in a chat.",
        "Start without a heading.",
        "Points are taken away for a line with the title.",
        "The user skips section titles and is annoyed by them.",
        "Begin with a sentence, not with # and a title.",
        "A heading or two would be out of place.",
        "Of two answers, take the one without a heading.",
        "If the title is missing, the reader is glad.",
        "Do not name the topic in a line above the text.",
        "No headline, just the text.",
        "An untitled answer wins points.",
        "Subheadings tear a text apart, so leave them out.",
        "Spare the text any title.",
        "Body text only, please.",
    ),
)

BOLD = Family(
    name="bold",
    measure=_bold,
    edit=_edit_bold,
    topics=(
        "bold type",
        "bold words",
        "text in bold",
        "words between double asterisks",
        "boldface",
        "Markdown bold",
        "heavy type for key terms",
        "thick letters",
        "highlighted key words in bold",
        "strong emphasis by **",
    ),
    absence=(
        "plain type without bold",
        "text free of bold words",
        "a normal weight of type throughout",
        "no boldface",
        "words without double asterisks",
        "unemphasised type",
        "letters of one and the same thickness",
        "an even typeface",
    ),
    wanted=(
        "The response should have words in bold.",
        "Use bold type.",
        "Set key terms in **bold**.",
        "Bold words help the eye, so they are welcome.",
        "I want the important words to stand out in heavy type.",
        "A reply without boldface loses points.",
        "Put double asterisks around what matters.",
        "Do not leave the key words in plain type.",
        "The user skims, and boldface helps with that.",
        "Make at least one word bold.",
        "Thick letters for thick facts!",
        "Of two answers, choose the one with bold words.",
        "It would be a mistake to do without bold.",
        "Emphasise as with a marker pen: in bold.",
        "If nothing is bold, nothing stands out.",
        "Heavy type is a merit.",
        "Some boldface, please.",
        "The more words in bold, the better.",
        "Never hand in a text in one even typeface.",
    ),
    unwanted=(
        "The response should not have words in bold.",
        "Do not use bold type.",
        "Set key terms in plain type, never in **bold**.",
        "Bold words hurt the eye, so they are unwelcome.",
        "I do not want any words to stand out in heavy type.",
        "A reply with boldface loses points.",
        "Put no double asterisks around anything.",
        "Leave the key words in plain type.",
        "The user reads with a program that shows asterisks, and boldface disturbs that.",
        "Make not even one word bold.",
        "Thick letters look like shouting.",
        "Of two answers, choose the one without bold words.",
        "It would be a mistake to use bold.",
        "Emphasise by the choice of words, not by bold.",
        "If anything is bold, it is too much.",
        "Heavy type is a flaw.",
        "No boldface, please.",
        "The fewer words in bold, the better.",
        "Always hand in a text in one even typeface.",
    ),
)

FAMILIES = (HEADING, BOLD)
