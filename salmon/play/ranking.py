"""Answers in the order of their scores under what is asked, and whether the programs' checks agree."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from salmon.play.principles import AskedPrinciple


@dataclass(frozen=True)
class Answer:
    """A policy's answer to the prompt."""

    policy: str
    text: str
    finished: bool  # it ended by itself, not at the length limit


@dataclass(frozen=True)
class Scored:
    """An answer with what the reward model and the checks say of it."""

    place: int  # 1 is the best
    answer: Answer
    score: float  # under everything that is asked together
    share: float  # of the way from the lowest score to the highest, in [0, 1]
    alone: tuple[float, ...]  # scores under each principle alone; none where only one is asked
    verdicts: tuple[float | None, ...]  # of each principle's check


@dataclass(frozen=True)
class CheckAgreement:
    """How often score and check order two answers alike."""

    alike: int
    pairs: int  # that the check tells apart


@dataclass(frozen=True)
class Ranking:
    """All answers, the best first."""

    scored: tuple[Scored, ...]
    agreements: tuple[CheckAgreement | None, ...]  # of each principle; None: it has no check

    @property
    def mean_by_policy(self) -> dict[str, float]:
        """The mean score of each policy's answers."""
        scores: dict[str, list[float]] = {}
        for one in self.scored:
            scores.setdefault(one.answer.policy, []).append(one.score)
        return {name: sum(values) / len(values) for name, values in sorted(scores.items())}


def rank(
    prompt: str, answers: Sequence[Answer], asked: Sequence[AskedPrinciple], scores: Sequence[Sequence[float]]
) -> Ranking:
    """Order answers.

    Args:
        scores: [R][S] under all principles together and, of several, under each alone.
    """
    verdicts = [[one.verdict and one.verdict(prompt, answer.text) for one in asked] for answer in answers]
    joint = [row[0] for row in scores]
    low, high = min(joint), max(joint)
    order = sorted(range(len(answers)), key=lambda i: -joint[i])  # equal scores stay in the order of the answers
    scored = tuple(
        Scored(
            place,
            answers[i],
            joint[i],
            (joint[i] - low) / (high - low) if high > low else 1.0,
            tuple(scores[i][1:]),
            tuple(verdicts[i]),
        )
        for place, i in enumerate(order, 1)
    )
    agreements = list[CheckAgreement | None]()
    for number, one in enumerate(asked):
        alone = [row[min(number + 1, len(row) - 1)] for row in scores]  # of one principle, together is alone
        agreements.append(agreement(alone, [row[number] for row in verdicts]) if one.verdict else None)
    return Ranking(scored, tuple(agreements))


def agreement(scores: Sequence[float], verdicts: Sequence[float | None]) -> CheckAgreement:
    """Of the pairs that a check tells apart, those that the scores order alike."""
    alike = pairs = 0
    for i, j in combinations(range(len(scores)), 2):
        one, two = verdicts[i], verdicts[j]
        if one is None or two is None or math.isclose(one, two):
            continue
        pairs += 1
        alike += (scores[i] - scores[j]) * (one - two) > 0
    return CheckAgreement(alike, pairs)
