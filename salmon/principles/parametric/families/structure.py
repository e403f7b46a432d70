"""List items, headings and table rows, against running text."""

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import clauses, finish, padded, parts, prose, unfinish, upper_first
from salmon.principles.verifiers import CHECKS

_INTRODUCTIONS = (
    "Here are the main points:",
    "In detail:",
    "The answer has these parts:",
    "Key points:",
    "What counts:",
)
_MARKERS = (
    "- {text}",
    "* {text}",
    "\u2022 {text}",
    "{n}. {text}",
    "{n}) {text}",
    "### Point {n}\n{text}",
    "| {n} | {text} |",
)


def _structure(prompt: str, response: str, _parameter: str) -> float | None:
    return CHECKS["structured"].measure(prompt, response)


def _edit(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """All sentences, or the last ones, as items of a list with one kind of marker; in the other answer as prose."""
    has = _structure(prompt, answer, parameter) or 0.0
    if has > 1 and rng.random() < 0.4:
        return answer, padded(_running(answer, rng), rng)
    items = parts(answer)
    if len(items) == 1 or rng.random() < 0.15:
        items = [piece for item in items for piece in clauses(item)]
    before = items[: int(rng.integers(0, len(items) - 1))] if len(items) > 2 and rng.random() < 0.5 else []
    items = items[len(before) :]
    if rng.random() < 0.3:
        items = [unfinish(item) or item for item in items]
    head = [" ".join(finish(part) for part in before)] if before else []
    if rng.random() < 0.3:
        head.append(pick(_INTRODUCTIONS, rng))
    marker = pick(_MARKERS, rng)
    lines = [marker.format(n=n, text=upper_first(item)) for n, item in enumerate(items, 1)]
    flat = answer if not has and rng.random() < 0.4 else _running(answer, rng)
    return "\n".join([*head, *lines]), padded(flat, rng)


def _running(answer: str, rng: np.random.Generator) -> str:
    """The answer as prose: one paragraph, several, or one sentence a line."""
    flat = [finish(part) for part in parts(answer)]
    gap = rng.random()
    return "\n".join(flat) if gap < 0.15 else "\n\n".join(flat) if gap < 0.3 else prose(answer)


STRUCTURE = Family(
    name="structure",
    measure=_structure,
    edit=_edit,
    topics=(
        "a list",
        "bullet points",
        "list items",
        "a bulleted or numbered list",
        "numbered points",
        "an itemised layout",
        "a structured layout",
        "items on lines of their own",
        "enumerations with dashes or numbers",
        "headings and bullets",
        "the format of a checklist",
        "a visible structure",
        "bullets",
    ),
    absence=(
        "running text",
        "prose",
        "paragraphs of plain sentences",
        "continuous text",
        "flowing text",
        "sentences that follow each other without any list",
        "plain text without bullets",
        "the layout of a novel",
        "an unbroken block of prose",
        "full sentences in place of list items",
        "unformatted writing",
    ),
    wanted=(
        "The response should be a list.",
        "Use bullet points.",
        "Put each point on a line of its own with a dash or a number in front.",
        "Lists are better than paragraphs.",
        "I like answers that I can tick off item by item.",
        "A reply gets full marks only if it is itemised.",
        "Prose is unwelcome.",
        "Break the answer up into items.",
        "Structure the text with bullets, numbers or headings.",
        "Do not write one long paragraph.",
        "The user wants to skim, so enumerate the points.",
        "Of two answers, take the one that is laid out as a list.",
        "Without list items, the text is worth nothing.",
        "Arrange the content like a shopping list.",
        "There is nothing wrong with bullets.",
        "Never answer in running text.",
        "Layout matters: points below each other, each with a marker.",
        "Reading a wall of text tires the user; itemise instead.",
        "Bullets, please.",
        "Flowing text costs points.",
        "Give it the shape of a checklist or a recipe's steps.",
        "If there is no list, the reply has missed its aim.",
        "Slides, not novels: short points under each other.",
        "The writing should be organised in marked items rather than in sentences that flow.",
        "Nothing pleases this reader more than a tidy enumeration.",
        "Replace paragraphs by lists.",
        "Leave out the prose and list the points.",
        "Present the information as items.",
        "The eye should find markers at the beginning of the lines.",
        "Praise is due to texts that are cut up into points.",
        "An answer in plain paragraphs is the worse answer.",
        "A good reply is itemised.",
        "Enumerate!",
        "Do not forget the bullets.",
    ),
    unwanted=(
        "The response should be prose.",
        "Do not use bullet points.",
        "Let the points follow each other within a paragraph, with neither dash nor number in front.",
        "Paragraphs are better than lists.",
        "I do not like answers that I have to tick off item by item.",
        "A reply gets full marks only if nothing in it is itemised.",
        "Lists are unwelcome.",
        "Do not break the answer up into items.",
        "Do without bullets, numbers and headings.",
        "Write in paragraphs.",
        "The user wants to be told a story, so do not enumerate points.",
        "Of two answers, take the one that is written as running text.",
        "With list items in it, the text is worth nothing.",
        "Write it like a page of a novel.",
        "Bullets are a nuisance.",
        "Always answer in running text.",
        "Layout should be invisible: sentence after sentence, none with a marker.",
        "Reading chopped-up points tires the user; let the sentences flow.",
        "Plain paragraphs, please.",
        "Itemised text costs points.",
        "Give it the shape of a letter to a friend.",
        "If there is a list, the reply has missed its aim.",
        "Novels, not slides: sentences that lead into each other.",
        "The writing should flow in sentences rather than be organised in marked items.",
        "Nothing annoys this reader more than an enumeration.",
        "Replace lists by paragraphs.",
        "Leave out the bullets and tell it in sentences.",
        "Present the information as continuous text.",
        "No line should begin with a marker.",
        "Blame is due to texts that are cut up into points.",
        "An answer in plain paragraphs is the better answer.",
        "Spare me the lists.",
        "Keep it unformatted.",
        "Forget about bullets.",
    ),
)

FAMILIES = (STRUCTURE,)
