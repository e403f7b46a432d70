"""The form of an answer: lines, indents, lists, a template, no white space."""

import re

import numpy as np

from eval.ifbench.families.checked import bare_sentences, checked_family
from salmon.principles.parametric.editing import pick


def _word_lines(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    words = re.sub(r"[^\w\s’']", "", answer).split()[:40]
    pairs = [" ".join(words[start : start + 2]) for start in range(0, len(words), 2)]
    return "\n".join(words), pick((answer, "\n".join(pairs), " ".join(words)), rng)


def _stairs(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    lines = [f"{text}." for text in bare_sentences(answer, int(rng.integers(2, 6)), rng)]
    step = int(rng.integers(1, 5))
    flat = " " * step * int(rng.integers(0, 2))
    return (
        "\n".join(" " * step * place + line for place, line in enumerate(lines)),
        "\n".join(flat + line for line in lines),
    )


def _marker(_prompt: str, parameter: str) -> dict[str, str | int | float]:
    return {"sep": parameter}


def _special_list(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    items = bare_sentences(answer.replace(parameter, ""), int(rng.integers(2, 6)), rng)
    other = pick(("* ", "- ", "• ", ""), rng)
    return "\n".join(f"{parameter} {item}" for item in items), "\n".join(f"{other}{item}" for item in items)


def _sub_points(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    count = int(rng.integers(2, 4))
    texts = bare_sentences(re.sub(r"[*–—-]", " ", answer), 2 * count, rng)
    heads, tails = texts[::2], texts[1::2]
    lacks = int(rng.integers(count))  # of the other answer: the point that has none
    points = [f"* {head}\n  - {tail}" for head, tail in zip(heads, tails, strict=True)]
    some = [f"* {head}" if place == lacks else points[place] for place, head in enumerate(heads)]
    return "\n".join(points), "\n".join(some if rng.random() < 0.5 else [f"* {text}" for text in texts])


def _then_points(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    one, two, *points = bare_sentences(answer.replace("*", ""), int(rng.integers(4, 7)), rng)
    listed = "\n".join(f"* {point}" for point in points)
    other = pick((f"{one}.\n{listed}", f"{one}. {two}. {'. '.join(points)}.", f"{listed}\n{one}. {two}.", listed), rng)
    return f"{one}. {two}.\n{listed}", other


def _no_white_space(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    words = answer.split()[:40]
    return pick(("", "_", "-"), rng).join(words), pick((answer, " ".join(words)), rng)


_LABELS = ("My Answer:", "My Conclusion:", "Future Outlook:")


def _template(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    parts = [f"{text}." for text in bare_sentences(answer, 3, rng)]
    gap = pick((" ", "\n", "\n\n"), rng)
    lacks = int(rng.integers(3))
    other = pick(("Answer:", "In short:", "Note:", ""), rng)
    labels = [other if place == lacks else label for place, label in enumerate(_LABELS)]
    return (
        gap.join(f"{label} {part}" for label, part in zip(_LABELS, parts, strict=True)),
        gap.join(f"{label} {part}".strip() for label, part in zip(labels, parts, strict=True))
        if rng.random() < 0.7
        else gap.join(parts),
    )


LAID_OUT = (
    checked_family(
        "format:newline",
        _word_lines,
        topics=("one word a line", "a new line for each word", "a column of single words"),
        absence=("lines of several words", "ordinary running text instead of a word on each line"),
        wanted=(
            "Each word has to stand on a line of its own.",
            "Break the line after every single word.",
            "Two words on one line are one too many.",
            "Set the text as a column, word under word.",
        ),
        unwanted=(
            "Words must not each stand on a line of their own.",
            "Do not break the line after every single word.",
            "Some line has to hold two words or more.",
            "Do not set the text as a column, word under word.",
        ),
    ),
    checked_family(
        "format:line_indent",
        _stairs,
        topics=(
            "lines that are indented further and further, like stairs",
            "an indent that grows with each line",
            "a staircase of lines",
        ),
        absence=("lines that all begin at the same place", "a straight left edge"),
        wanted=(
            "Every new line must start further to the right than the line above.",
            "Build stairs: more spaces in front of each following line.",
            "The indentation has to rise from line to line.",
            "A line with no greater indent than the one above is wrong.",
        ),
        unwanted=(
            "New lines must not start further to the right than the line above.",
            "Do not build stairs with more spaces in front of each following line.",
            "The indentation must not rise from line to line.",
            "A line with a greater indent than the one above is wrong.",
        ),
    ),
    checked_family(
        "format:list",
        _special_list,
        arguments=_marker,
        parameters=("...", "SEPARATOR", "!?!?", "~~", "=>"),
        topics=(
            "a list whose items are marked by {p}",
            "{p} in front of the items of a list",
            "list items that begin with {p} and not with a bullet",
        ),
        absence=("list items without the marker {p}", "another marker of lists than {p}"),
        wanted=(
            "Answer with a list and mark the items by {p} where others would use bullets.",
            "Every item of the list is to be introduced by {p}.",
            "The marker of the list must be {p}.",
            "It is wrong to have items without {p} in front.",
        ),
        unwanted=(
            "Do not mark the items of a list by {p}.",
            "No item of the list is to be introduced by {p}.",
            "The marker of the list must be anything but {p}.",
            "It is wrong to have items with {p} in front.",
        ),
    ),
    checked_family(
        "format:sub-bullets",
        _sub_points,
        topics=(
            "bullet points (*) that each have a sub-point (-)",
            "a list of two levels, with * outside and - inside",
            "at least one dash below every asterisk",
        ),
        absence=("bullet points without sub-points", "a list with nothing below some of its items"),
        wanted=(
            "Below each bullet point with * there must be a sub-point with -.",
            "Make a list of two levels: no * without a - under it.",
            "Every item with an asterisk needs one with a dash beneath it.",
            "A bullet point that has no sub-point is wrong.",
        ),
        unwanted=(
            "Not each bullet point with * may have a sub-point with -.",
            "Do not make a list of two levels with a - under every *.",
            "Some item with an asterisk must have none with a dash beneath it.",
            "A list in which all bullet points have sub-points is wrong.",
        ),
    ),
    checked_family(
        "format:no_bullets_bullets",
        _then_points,
        topics=(
            "two sentences or more, and then bullet points with *",
            "a short introduction in sentences with a list of * behind it",
            "sentences first and a list of at least two points after them",
        ),
        absence=("only sentences or only bullet points", "bullet points without two sentences before them"),
        wanted=(
            "First come at least two whole sentences, then at least two points marked by *.",
            "Open with two sentences and close with a list of asterisks.",
            "Neither the two opening sentences nor the bullet points behind them may be missing.",
            "The text leads over from sentences to bullet points.",
        ),
        unwanted=(
            "It must not be that at least two whole sentences come first and points marked by * follow.",
            "Do not open with two sentences and close with a list of asterisks.",
            "Either the two opening sentences or the bullet points behind them must be missing.",
            "The text must not lead over from sentences to bullet points.",
        ),
    ),
    checked_family(
        "format:no_whitespace",
        _no_white_space,
        topics=(
            "text without any spaces or line breaks",
            "words that are written together, with no gap at all",
            "one unbroken string of characters",
        ),
        absence=("spaces between the words", "words that are set apart as usual"),
        wanted=(
            "There must be no white space in the reply.",
            "Leave out every space, tab and line break.",
            "All characters have to follow each other without a gap.",
            "A single blank is already a fault.",
        ),
        unwanted=(
            "There must be white space in the reply.",
            "Do not leave out the spaces and line breaks.",
            "The words have to be set apart from each other by gaps.",
            "A text without a single blank is a fault.",
        ),
    ),
    checked_family(
        "format:output_template",
        _template,
        topics=(
            "the headings My Answer, My Conclusion and Future Outlook, each with a colon",
            "a reply in three parts, labelled My Answer:, My Conclusion: and Future Outlook:",
            "the template My Answer: / My Conclusion: / Future Outlook:",
        ),
        absence=("a reply without those labels: My Answer, My Conclusion, Future Outlook", "a form of your own choice"),
        wanted=(
            "Keep to this form: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]",
            "The reply has three labelled parts, My Answer:, My Conclusion: and Future Outlook:.",
            "None of the labels My Answer:, My Conclusion: and Future Outlook: may be missing.",
            "Fill in the template with My Answer:, My Conclusion: and Future Outlook:.",
        ),
        unwanted=(
            "Do not keep to this form: My Answer: [answer] My Conclusion: [conclusion] Future Outlook: [outlook]",
            "The reply must not have the three labelled parts My Answer:, My Conclusion: and Future Outlook:.",
            "At least one of the labels My Answer:, My Conclusion: and Future Outlook: has to be missing.",
            "Do not fill in the template with My Answer:, My Conclusion: and Future Outlook:.",
        ),
    ),
)
