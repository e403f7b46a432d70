"""Pairs of answers that differ in features of which families know the measure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from salmon.config.reward import EditSettings
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.editing import pick, split_sentences
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.split import Side

TRIES = 20  # to make a pair before another family is drawn


@dataclass(frozen=True)
class Feature:
    """A family with its parameter, and which of a pair's answers has more of it."""

    family: Family
    parameter: str
    prefers: int  # 1 = the first answer, -1 = the second, 0 = they have it alike


@dataclass(frozen=True)
class FeaturePair:
    """Two answers to a prompt that differ in one or more features."""

    prompt: str
    first: str
    second: str
    features: tuple[Feature, ...]


def parameter_of(family: Family, side: Side, rng: np.random.Generator) -> str:
    """A parameter of a family."""
    return pick(side.parameters(family), rng)


def draw_pair(
    family: Family, side: Side, prompts: Sequence[AnsweredPrompt], edits: EditSettings, rng: np.random.Generator
) -> FeaturePair | None:
    """A pair that differs in the feature of ``family``; None where twenty tries make none.

    Crossed pairs differ in a second feature too, in any direction. What makes an answer longer or odder is then no sign
    of what the principle asks for.
    """
    for _ in range(TRIES):
        asked = prompts[int(rng.integers(len(prompts)))]
        parameter = parameter_of(family, side, rng)
        pair = _edited(family, parameter, asked, side, edits, rng)
        if pair is not None:
            return pair
    return None


def draw_unedited(
    side: Side, prompts: Sequence[AnsweredPrompt], features: int, shortened: float, rng: np.random.Generator
) -> FeaturePair | None:
    """Two answers to one prompt in their own words, with up to ``features`` of the features that tell them apart.

    Args:
        shortened: probability of cutting each to a number of its sentences, one to three; else they are as they are.
    """
    asked = prompts[int(rng.integers(len(prompts)))]
    if len(asked.answers) < 2:
        return None
    first, second = (asked.answers[i] for i in rng.choice(len(asked.answers), 2, replace=False))
    if rng.random() < shortened:
        first, second = (_beginning(text, _few(rng)) for text in (first, second))
    found = []
    for number in rng.permutation(len(side.families)):
        family = side.families[number]
        parameter = (
            _present_word(first, second, side.parameters(family), rng)
            if family.words
            else parameter_of(family, side, rng)
        )
        preferred = family.prefers(asked.prompt, first, second, parameter) if parameter is not None else 0
        if preferred:
            found.append(Feature(family, parameter or "", preferred))
        if len(found) == features:
            break
    return FeaturePair(asked.prompt, first, second, tuple(found)) if found else None


def _present_word(first: str, second: str, words: Sequence[str], rng: np.random.Generator) -> str | None:
    """One of the words that only one of two texts has."""
    present = sorted((set(first.lower().split()) ^ set(second.lower().split())) & set(words))
    return pick(present, rng) if present else None


def _edited(
    family: Family,
    parameter: str,
    asked: AnsweredPrompt,
    side: Side,
    edits: EditSettings,
    rng: np.random.Generator,
) -> FeaturePair | None:
    base = pick(asked.answers, rng)
    other = pick(asked.answers, rng) if rng.random() < edits.two_answers else base
    if rng.random() < edits.shortened:
        count = _few(rng)
        base, other = (_beginning(text, count) for text in (base, other))
    drawn = [_two_edits(family, asked.prompt, base, other, parameter, rng) for _ in range(edits.clearest_of)]
    first, second = max(drawn, key=lambda two: max(0.0, family.contrast(asked.prompt, two[0], two[1], parameter)))
    crossing: Feature | None = None
    if rng.random() < edits.crossed:
        crossing, first, second = _crossed(family, parameter, asked.prompt, first, second, side, rng)
    if family.prefers(asked.prompt, first, second, parameter) != 1:
        return None
    features = [Feature(family, parameter, 1)]
    if crossing is not None:
        features.append(crossing)
    return FeaturePair(asked.prompt, first, second, tuple(features))


def _few(rng: np.random.Generator) -> int:
    return int(rng.integers(1, 4))


def _beginning(text: str, sentences: int) -> str:
    return " ".join(split_sentences(text)[:sentences])


def _two_edits(
    family: Family, prompt: str, base: str, other: str, parameter: str, rng: np.random.Generator
) -> tuple[str, str]:
    """One answer with more of the feature, and one with less; of one answer, both are of the same edit."""
    more, less = family.edit(prompt, base, parameter, rng)
    return more, less if base == other else family.edit(prompt, other, parameter, rng)[1]


def _crossed(
    family: Family, parameter: str, prompt: str, first: str, second: str, side: Side, rng: np.random.Generator
) -> tuple[Feature | None, str, str]:
    """The two answers with a second feature put into one of them; as they were where that spoils the first."""
    other = side.families[int(rng.integers(len(side.families)))]
    value = parameter_of(other, side, rng)
    if other.name == family.name and value == parameter:
        return None, first, second
    if rng.random() < 0.5:
        one, two = other.edit(prompt, first, value, rng)[0], other.edit(prompt, second, value, rng)[1]
    else:
        one, two = other.edit(prompt, first, value, rng)[1], other.edit(prompt, second, value, rng)[0]
    prefers = other.prefers(prompt, one, two, value)
    if not prefers or family.prefers(prompt, one, two, parameter) != 1:
        return None, first, second
    return Feature(other, value, prefers), one, two
