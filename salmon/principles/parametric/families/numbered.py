"""Numbers or bullets in front of list items."""

import re

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import padded, several_parts, unfinish, upper_first
from salmon.principles.verifiers.text import without_code

_NUMBERED = re.compile(r"^[ \t>]*(?:\*\*)?\(?\d{1,3}[.)](?:\*\*)?[ \t]+\S", re.MULTILINE)
_BULLETED = re.compile(r"^[ \t>]*[-*+\u2022\u25e6\u2013][ \t]+\S", re.MULTILINE)
_WITHIN_LINE = re.compile(r"(?<=[.:;!?])[ \t]+\(?([2-9])[.)][ \t]+\S")


def _kind(_prompt: str, response: str, _parameter: str) -> float:
    """1 where numbers mark more items than bullets do, -1 where fewer, 0 at a tie and without a list."""
    text = without_code(response)
    numbers = len(_NUMBERED.findall(text)) + len(_WITHIN_LINE.findall(text))
    return float(np.sign(numbers - len(_BULLETED.findall(text))))


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """The same items, with numbers or with bullets."""
    items = [upper_first(item) for item in several_parts(answer, rng)]
    before = [items.pop(0)] if len(items) > 2 and rng.random() < 0.5 else []
    if rng.random() < 0.4:
        items = [unfinish(item) or item for item in items]
    number = pick(("{n}. ", "{n}. ", "{n}) ", "({n}) ", "**{n}.** "), rng)
    bullet = pick(("- ", "- ", "* ", "\u2022 ", "+ "), rng)
    gap = "\n\n" if rng.random() < 0.15 else "\n"
    numbered = gap.join([*before, *(number.format(n=n) + item for n, item in enumerate(items, 1))])
    return numbered, padded(gap.join([*before, *(bullet + item for item in items)]), rng)


NUMBERED = Family(
    name="numbered",
    measure=_kind,
    edit=_edit,
    topics=(
        "numbers in front of the list items",
        "a numbered list in place of bullets",
        "numbered items",
        "an ordered list",
        "1., 2., 3. as list markers",
        "numerals as markers",
        "numbered points rather than dots or dashes",
        "list items with running numbers",
        "consecutively numbered points",
        "counting markers",
    ),
    absence=(
        "bullets in place of numbers",
        "a bulleted list rather than a numbered one",
        "an unordered list",
        "dashes or dots in front of the list items",
        "list items without numbers",
        "bullets as list markers",
        "dashes as markers",
        "markers that do not count",
    ),
    wanted=(
        "List items should be numbered, not bulleted.",
        "Put a number in front of each item.",
        "Numbered lists are better than bulleted ones.",
        "I want to refer to the points by their numbers.",
        "An ordered list gets the higher mark.",
        "Use 1, 2, 3 and not dashes.",
        "Bullets are the wrong marker.",
        "Number the points so that the reader can count them.",
        "The user prefers numerals to dots.",
        "Markers in the list must count up.",
        "Never mark an item with a mere dash.",
        "Do not leave the items without numbers.",
        "If there is a list, it starts with 1.",
        "Count the items off, as a recipe does with its steps.",
        "Replace each bullet by a number.",
        "A bulleted list costs points, a numbered one earns them.",
        "Numbers in front, please.",
        "Between dots and digits as markers, digits win.",
        "Everyone should see at a glance which point is the third.",
        "Ranking needs numerals: first, second, third.",
    ),
    unwanted=(
        "List items should be bulleted, not numbered.",
        "Put a bullet in front of each item.",
        "Bulleted lists are better than numbered ones.",
        "I do not want the points to have numbers.",
        "An unordered list gets the higher mark.",
        "Use dashes and not 1, 2, 3.",
        "Numbers are the wrong marker.",
        "Do not number the points, because none comes before the other.",
        "The user prefers dots to numerals.",
        "Markers in the list must not count up.",
        "A mere dash is the right mark for an item.",
        "Leave the items without numbers.",
        "If there is a list, it starts with a dot or a dash.",
        "Mark the items as on a shopping list, where nothing is counted.",
        "Replace each number by a bullet.",
        "A numbered list costs points, a bulleted one earns them.",
        "Dots in front, please.",
        "Between dots and digits as markers, dots win.",
        "Nobody should get the idea that one point ranks above the next.",
        "Bullets will do; counting is pointless.",
    ),
)

FAMILIES = (NUMBERED,)
