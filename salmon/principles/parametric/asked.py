"""What is asked of a pair: principles in words, and which answer is better under them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from salmon.config.reward import LessonSettings, ParametricSettings
from salmon.errors import SalmonError
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.pairs import Feature, FeaturePair, draw_pair, draw_unedited, parameter_of
from salmon.principles.parametric.split import Side
from salmon.principles.parametric.wording import quoted, said_together, worded
from salmon.runtime.seeding import stream

FRUITLESS = 500  # tries in a row that make no pair before a lesson is given up
ROW_OF_TWO = 0.6  # share of the rows with two principles that are of two features, where a pair has two
ALIKE_IN_LESSON = 0.5  # share of the rows on what both answers have alike that are of the lesson's own families


@dataclass(frozen=True)
class AskedGuidelines:
    """Guidelines shown together, and what is right under them."""

    guidelines: tuple[str, ...]
    prefers: int  # 1 / -1: the first / second answer is better; 0: neither is
    meaning: str  # equal for the same principle in other words; "" for several guidelines, and where neither is better


@dataclass(frozen=True)
class AskedPair:
    """A pair of answers, and everything that is asked of it."""

    pair: FeaturePair
    asked: tuple[AskedGuidelines, ...]


def lesson_side(side: Side, lesson: LessonSettings, seed: int) -> Side:
    """The families and texts that a lesson uses: so many of the frames; topics of what is absent where it has them."""
    named = [family for family in side.families if family.name in lesson.families]
    families = named or side.families  # a limit on the principles may have left none of those named
    drawn = [
        tuple(frames[i] for i in stream(seed, "lesson frames").permutation(len(frames))[: lesson.frames])
        for frames in (side.frames_for, side.frames_against)
    ]
    return replace(
        side,
        families=tuple(family if lesson.absence else replace(family, absence=()) for family in families),
        frames_for=drawn[0],
        frames_against=drawn[1],
    )


def lesson_pairs(
    side: Side,
    prompts: tuple[AnsweredPrompt, ...],
    lesson: LessonSettings,
    settings: ParametricSettings,
    *key: str | int,
    others: Side | None = None,
) -> Iterator[AskedPair]:
    """The pairs of a lesson, without end; each has a random stream of its own below ``key``.

    Args:
        others: with the families that the lesson does not teach, for rows on what both answers have alike; None: such
            rows are of the lesson's families only.

    Raises:
        SalmonError: hundreds of tries in a row make no pair.
    """
    about_words = tuple(family for family in side.families if family.words)
    about_features = tuple(family for family in side.families if not family.words)
    made = -1  # the number of the last pair
    for number in count():
        if number - made > FRUITLESS:
            raise SalmonError(
                f"parametric principles: {FRUITLESS} tries in a row made no pair of answers under "
                f"{', '.join(family.name for family in side.families)}. More reward.parametric.principles, or "
                "reward.parametric.answers that differ more, are needed"
            )
        rng = stream(*key, number)
        if rng.random() < lesson.unedited:
            pair = draw_unedited(side, prompts, 2, lesson.edits.shortened, rng)
        else:
            of_words = bool(about_words) and (rng.random() < lesson.words or not about_features)
            families = about_words if of_words else about_features
            pair = draw_pair(families[int(rng.integers(len(families)))], side, prompts, lesson.edits, rng)
        if pair is not None:
            made = number
            yield AskedPair(pair, tuple(asked_about(pair, side, lesson, settings, rng, others)))


def asked_about(
    pair: FeaturePair,
    side: Side,
    lesson: LessonSettings,
    settings: ParametricSettings,
    rng: np.random.Generator,
    others: Side | None = None,
) -> Iterator[AskedGuidelines]:
    """Each feature of a pair asked for and against, in some wordings; now and then a row with two principles, and one
    on what the answers have alike."""
    for number, feature in enumerate(pair.features):
        for wanted in (True, False) if settings.contraries else (True,):
            for _ in range(int(lesson.wordings + rng.random())):
                prefers = feature.prefers if wanted else -feature.prefers
                yield AskedGuidelines((_text(feature, wanted, side, lesson, rng),), prefers, f"{number} {wanted}")
    if rng.random() < lesson.together:
        yield _two(pair.features, side, lesson, settings, rng)
    if rng.random() < lesson.indifferent:
        about = others if others is not None and rng.random() >= ALIKE_IN_LESSON else side
        yield from _alike(pair, about, lesson, settings, rng)


def _alike(
    pair: FeaturePair, side: Side, lesson: LessonSettings, settings: ParametricSettings, rng: np.random.Generator
) -> Iterator[AskedGuidelines]:
    """A principle under which neither answer is better, since they have its feature alike; none where all differ."""
    wanted = not settings.contraries or rng.random() < 0.5
    for number in rng.permutation(len(side.families)):
        family = side.families[number]
        parameter = parameter_of(family, side, rng)
        if not family.prefers(pair.prompt, pair.first, pair.second, parameter):
            yield AskedGuidelines((_text(Feature(family, parameter, 0), wanted, side, lesson, rng),), 0, "")
            return


def _two(
    features: tuple[Feature, ...],
    side: Side,
    lesson: LessonSettings,
    settings: ParametricSettings,
    rng: np.random.Generator,
) -> AskedGuidelines:
    """Two principles at once: of two features, or one feature asked for and against, which leaves neither better."""
    if len(features) > 1 and rng.random() < ROW_OF_TWO:
        shown = [(feature, not settings.contraries or rng.random() < 0.5) for feature in features[:2]]
    else:
        shown = [(features[0], True), (features[0], not settings.contraries)]
    if rng.random() < 0.5:
        shown.reverse()
    votes = sum(feature.prefers if wanted else -feature.prefers for feature, wanted in shown)
    texts = tuple(_text(feature, wanted, side, lesson, rng) for feature, wanted in shown)
    return AskedGuidelines(texts, int(np.sign(votes)), "")


def _text(feature: Feature, wanted: bool, side: Side, lesson: LessonSettings, rng: np.random.Generator) -> str:
    draw = rng.random()
    times = 2 if draw < lesson.said_twice else 1
    word = quoted if draw >= 1 - lesson.quoted else worded  # a text is not both: how far would the quote go?
    texts = [word(feature.family, feature.parameter, wanted, side, lesson.sentences, rng) for _ in range(times)]
    return said_together(texts, rng)
