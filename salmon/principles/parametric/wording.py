"""A principle in words: a whole sentence of its family, or a frame with a topic."""

from collections.abc import Sequence

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import PARAMETER, Family
from salmon.principles.parametric.frames import GAP
from salmon.principles.parametric.split import Side

_JOINTS = (" ", "; ", ", and ")


def worded(family: Family, parameter: str, wanted: bool, side: Side, sentences: float, rng: np.random.Generator) -> str:
    """Ask for the feature of a family, or speak against it.

    Args:
        family: with the texts of the side.
        wanted: asked for; False: spoken against.
        sentences: probability of a whole sentence instead of a frame, where the side has one.
    """
    whole = family.wanted if wanted else family.unwanted
    if rng.random() < sentences and whole:
        text = pick(whole, rng)
    else:
        contrary = bool(family.absence) and rng.random() < len(family.absence) / (
            len(family.absence) + len(family.topics)
        )
        topic = pick(family.absence if contrary else family.topics, rng)
        frame = pick(side.frames_for if wanted != contrary else side.frames_against, rng)
        text = frame.replace(GAP, topic)
    text = text.replace(PARAMETER, parameter)
    return text[:1].upper() + text[1:]


def quoted(family: Family, parameter: str, wanted: bool, side: Side, sentences: float, rng: np.random.Generator) -> str:
    """As ``worded``, by a quote of another wording: one that it agrees with, or the contrary, which it turns around."""
    agrees = rng.random() < 0.5
    frame = pick(side.quotes_for if agrees else side.quotes_against, rng)
    return frame.replace(GAP, worded(family, parameter, wanted == agrees, side, sentences, rng))


def said_together(texts: Sequence[str], rng: np.random.Generator) -> str:
    """Wordings of one principle as one text, with a full stop, a semicolon or "and" between them."""
    whole = texts[0]
    for text in texts[1:]:
        joint = pick(_JOINTS, rng) if whole.endswith(".") else " "
        whole = f"{whole} {text}" if joint == " " else f"{whole.removesuffix('.')}{joint}{_within_a_sentence(text)}"
    return whole


def _within_a_sentence(text: str) -> str:
    return text if text.startswith(("I ", "I'")) else text[:1].lower() + text[1:]
