"""Examples, introduced as such."""

import re

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import insert_either, lower_first, neutral, padded, parts, upper_first
from salmon.principles.verifiers.text import without_code

_OPENINGS = (
    "For example,", "For instance,", "As an example,", "To give an example,", "An example:", "Example:",
    "To illustrate,", "One example is this:", "By way of example,", "E.g.,",
)  # fmt: skip
_INTRODUCTION = re.compile(
    r"(?:\b(?:for|as an|by way of|to (?:give|take) an|(?:here is )?an?(?: \w+)?|one|another) examples?\b"
    r"(?: (?:is|of|would be)(?: this)?\b)?|(?:^|(?<=[.!?:] ))examples?(?=:)|\bfor instance|\bto illustrate|\be\.g\.)"
    r"[,:]?\s*|\bsuch as ",
    re.IGNORECASE | re.MULTILINE,
)
_CASES = (
    "a nurse on the night shift sees it in another light.",
    "a child with a bicycle needs only ten minutes.",
    "a bakery in a small town opens at five.",
    "two neighbours can share one ladder.",
    "a glass of water beside the bed is enough.",
    "a student writes the hardest words on a card.",
    "an oak by the river keeps its leaves for longer.",
    "a family of four cooks once for two days.",
    "a shop may close early on a rainy evening.",
    "a singer warms up before every concert.",
)


def _introductions(_prompt: str, response: str, _parameter: str) -> float:
    return len(_INTRODUCTION.findall(without_code(response)))


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """An example behind a sentence, or a sentence of the answer called one; in the other answer the same without."""
    plain = _without(answer)
    opening = pick(_OPENINGS, rng)
    found = parts(plain)
    if len(found) > 1 and rng.random() < 0.4:
        sentence = found[int(rng.integers(1, len(found)))]
        return plain.replace(sentence, f"{opening} {lower_first(sentence)}", 1), padded(plain, rng)
    case = pick(_CASES, rng)
    other = upper_first(case) if rng.random() < 0.5 else neutral(rng)[0]
    more, less = insert_either(plain, (f"{opening} {case}", other), rng)
    return more, padded(less, rng) if rng.random() < 0.7 else plain


def _without(answer: str) -> str:
    """The answer without the words that introduce examples."""
    plain = _INTRODUCTION.sub(lambda found: "and " if found[0].lower() == "such as " else "", answer)
    return re.sub(r"(^|[.!?]\s+)([a-z])", lambda found: found[1] + found[2].upper(), plain).strip() or answer


EXAMPLE = Family(
    name="example",
    measure=_introductions,
    edit=_edit,
    topics=(
        "an example",
        "examples",
        'a sentence with "for example"',
        'the phrase "for instance"',
        "concrete cases",
        "an illustration of the point",
        "illustrative examples",
        "at least one example",
        "a case that shows what is meant",
        "something tangible introduced as an example",
    ),
    absence=(
        "text without examples",
        "general statements only",
        "no illustrations of the point",
        'sentences without "for example"',
        "abstract wording without a single case",
        "nothing but the rule itself",
        "no concrete cases",
        "explanations that do without an example",
    ),
    wanted=(
        "The response should give an example.",
        'Use "for example" or "for instance".',
        "Examples are welcome.",
        "I understand things best from a concrete case.",
        "A reply without an example loses points.",
        "Illustrate the point.",
        "Do not leave the reader without an example.",
        "Show it on a case, as a good teacher does.",
        "Of two answers, the one with an example is better.",
        "The user wants to see what it looks like in real life, for instance in a kitchen.",
        "Abstract statements alone are not enough.",
        "If no example comes, the text remains dry.",
        "Every rule deserves its illustration.",
        "There is nothing like an example.",
        "Name a case, and say that it is one.",
        "An example, please.",
        "Make it tangible by an instance or two.",
        "Writing comes alive with illustrations, so put one in.",
        "Explain by examples.",
    ),
    unwanted=(
        "The response should give no example.",
        'Do not use "for example" or "for instance".',
        "Examples are unwelcome.",
        "I understand things best without concrete cases.",
        "A reply with an example loses points.",
        "Do not illustrate the point.",
        "Leave the reader without an example.",
        "State it without a case, as a law does.",
        "Of two answers, the one with an example is worse.",
        "The user wants the principle and not what it looks like in a kitchen.",
        "Abstract statements are enough.",
        "If an example comes, the text gets lost in trifles.",
        "A rule needs no illustration.",
        "There is no need for an example.",
        "Name no cases.",
        "No examples, please.",
        "Keep it general, without any instance.",
        "Illustrations only distract, so leave them out.",
        "Explain without examples.",
    ),
)

FAMILIES = (EXAMPLE,)
