"""Pre-training on parametric principles: lessons, each begun when the one before is mastered.

What a small reward model has to learn first is polarity: whether a text is for or against something. It learns it from
"contains the word W" in a few sentence frames within minutes, and keeps it while frames, families and whole sentences
are added. Features that real answers differ in by degrees come last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from salmon.config.reward import LessonSettings, RewardConfig
from salmon.config.training import Schedule, SupervisedSettings
from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.principles.parametric.asked import AskedPair, lesson_pairs, lesson_side
from salmon.principles.parametric.lesson_length import most_pairs
from salmon.principles.parametric.universe import Universe
from salmon.reward.comparisons import RewardComparison, encode_two
from salmon.runtime.seeding import stream
from salmon.training.supervised import EarlyStop

METRICS = "parametric"  # prefix of the metrics of all lessons
TOO_LONG = 500  # pairs in a row that are drawn again before a lesson is given up


def lesson_comparisons(
    chat: ChatFormat, universe: Universe, settings: RewardConfig, number: int, seed: int
) -> list[list[RewardComparison]]:
    """The comparisons of a lesson, a list a pair; some pairs are like those of earlier lessons.

    Args:
        number: the place of the lesson in ``reward.parametric.lessons``, from 0.
        seed: of all draws.
    """
    parametric = settings.parametric
    lesson = parametric.lessons[number]
    pairs_like = [
        short_pairs(
            chat,
            lesson_pairs(
                lesson_side(universe.trained, earlier, seed),
                universe.training,
                earlier,
                parametric,
                seed,
                METRICS,
                number,
                like,
                others=lesson_side(universe.trained, replace(earlier, families=[]), seed),
            ),
            earlier,
        )
        for like, earlier in enumerate(parametric.lessons[: number + 1])
    ]
    rng = stream(seed, METRICS, number, "review")
    return [
        list(compare_asked(chat, next(pairs_like[like]), settings, f"{number}-{place}"))
        for place, like in enumerate(_reviewed(most_pairs(parametric, lesson), number, parametric.review, rng))
    ]


def short_pairs(chat: ChatFormat, pairs: Iterable[AskedPair], lesson: LessonSettings) -> Iterator[AskedPair]:
    """The pairs whose answers are both short enough for a lesson.

    Raises:
        SalmonError: hundreds of pairs in a row have a longer answer.
    """
    tokens, too_long = lesson.answer_tokens, 0
    for asked in pairs:
        if all(len(chat.encode(answer)) <= tokens for answer in (asked.pair.first, asked.pair.second)):
            too_long = 0
            yield asked
        elif (too_long := too_long + 1) > TOO_LONG:
            raise SalmonError(
                f"parametric principles: {TOO_LONG} pairs in a row have an answer of more than {tokens} tokens. Raise "
                "answer_tokens in reward.parametric.lessons, shorten more of their answers (edits.shortened), or give "
                "shorter reward.parametric.answers"
            )


def _reviewed(pairs: int, number: int, review: float, rng: np.random.Generator) -> list[int]:
    """For each pair of a lesson: the place of the lesson that it is like, an earlier one in a share ``review``."""
    earlier = rng.random(pairs) < review
    return [int(rng.integers(number)) if number and reviewed else number for reviewed in earlier]


def compare_asked(
    chat: ChatFormat, asked_pair: AskedPair, settings: RewardConfig, name: str
) -> Iterator[RewardComparison]:
    """Encode both answers of a pair under everything that is asked of it.

    Args:
        name: of the pair.
    """
    pair = asked_pair.pair
    for asked in asked_pair.asked:
        ordered = (pair.first, pair.second) if asked.prefers >= 0 else (pair.second, pair.first)
        chosen, rejected, cut = encode_two(
            chat, pair.prompt, ordered, asked.guidelines, settings.pretrain, settings.head
        )
        tie = asked.prefers == 0
        yield RewardComparison(chosen, rejected, "", cut, name, ordered[0], tie=tie, meaning=asked.meaning)


def unread_pairs(chat: ChatFormat, universe: Universe, settings: RewardConfig, seed: int) -> Iterator[AskedPair]:
    """Pairs like those of the last lesson, in words that no lesson shows; one feature of each, for and against."""
    lesson = replace(settings.parametric.lessons[-1], wordings=1.0, together=0.0)
    prompts, plain = universe.held_out or universe.training, replace(settings.parametric, contraries=True)
    pairs = lesson_pairs(universe.unread, prompts, lesson, plain, seed, METRICS, "unread")
    for found in short_pairs(chat, pairs, lesson):
        yield replace(found, asked=found.asked[:2])


def lesson_training(settings: RewardConfig, number: int) -> SupervisedSettings:
    """How a lesson trains: once over its pairs; all lessons are one training, with one optimiser.

    So the rate warms up in the first lesson and follows the schedule down in the last one. Between them it is constant:
    nobody knows when a lesson ends that is ended by its accuracy.
    """
    optim = settings.pretrain.train.optim
    if number:
        optim = replace(optim, warmup=0.0)
    if number + 1 < len(settings.parametric.lessons):
        optim = replace(optim, schedule=Schedule.constant)
    return replace(settings.pretrain.train, epochs=1, optim=optim)


def lesson_end(lesson: LessonSettings) -> EarlyStop:
    """What ends a lesson before its last pair."""
    return EarlyStop(f"{METRICS}/accuracy", lesson.stop_at_accuracy)
