"""Exclamation marks."""

import re

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family


def _count(_prompt: str, response: str, _parameter: str) -> float:
    return response.count("!")


def _edit(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Some or all full stops become exclamation marks; in the other answer there are none."""
    calm = answer.replace("!", ".")
    stops = [match.start() for match in re.finditer(r"\.(?=\s|$)", calm)]
    if not stops:
        return calm + pick(("!", "!!", "!!!"), rng), calm
    chosen = rng.permutation(stops)[: int(rng.integers(1, len(stops) + 1))]
    lively = "".join("!" if place in set(chosen.tolist()) else sign for place, sign in enumerate(calm))
    return lively, calm


EXCLAMATION = Family(
    name="exclamation",
    measure=_count,
    edit=_edit,
    topics=(
        "exclamation marks",
        "an exclamation mark or two",
        "sentences that end in an exclamation mark",
        "lively punctuation such as !",
        "shouted sentence endings",
        "exclamation points",
        "excited punctuation",
        "at least one !",
    ),
    absence=(
        "calm punctuation",
        "full stops only",
        "text without exclamation marks",
        "sentences that end quietly",
        "sober sentence endings",
        "no exclamation marks at all",
    ),
    wanted=(
        "Exclamation marks are welcome in the reply.",
        "The reply should have at least one exclamation mark.",
        "End some sentences with an exclamation mark!",
        "Punctuate like somebody who is thrilled.",
        "A text that gets by with full stops only is too dull for this user.",
        "I want to see the excitement in the punctuation.",
        "A reply earns its points with exclamation marks.",
        "It would be a mistake to leave the exclamation marks out.",
        "Be loud in your punctuation.",
        "Sentences should end with a bang rather than with a plain dot.",
        "Nobody should think that exclamation marks are forbidden here; the more, the better.",
        "Choose ! over . whenever you can.",
    ),
    unwanted=(
        "Exclamation marks are not welcome in the reply.",
        "The reply should not have a single exclamation mark.",
        "Do not end any sentence with an exclamation mark.",
        "Punctuate like somebody who stays calm.",
        "A text that gets by with full stops only is just right for this user.",
        "I do not want to see any excitement in the punctuation.",
        "A reply loses points for each exclamation mark.",
        "It would be a mistake to put exclamation marks in.",
        "Be quiet in your punctuation.",
        "Sentences should end with a plain dot rather than with a bang.",
        "Exclamation marks have no place here; the fewer, the better.",
        "Choose . over ! every time.",
    ),
)

FAMILIES = (EXCLAMATION,)
