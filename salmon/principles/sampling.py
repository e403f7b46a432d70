"""Which principles are shown, and which of them are negated (PAPER.md 2.3, 2.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from salmon.principles.bank import Bank, Principle


@dataclass(frozen=True)
class Guideline:
    """A principle as it is shown: asserted, or turned into its opposite; in which of its wordings."""

    principle: Principle
    negated: bool = False
    wording: int = 0  # of the polarity that is shown: 0 the definition, then its paraphrases

    def __post_init__(self) -> None:
        if self.negated and self.principle.negative_definition is None:
            raise ValueError(f"{self.principle.name} has no negative definition")
        if not 0 <= self.wording < len(_wordings(self.principle, self.negated)):
            raise ValueError(f"{self.key} has no wording {self.wording}")

    @property
    def text(self) -> str:
        """What the judge and the reward model read."""
        return _wordings(self.principle, self.negated)[self.wording]

    @property
    def key(self) -> str:
        """How metrics and tables call it: ``Name`` or ``not Name``."""
        return f"not {self.principle.name}" if self.negated else self.principle.name


def _wordings(principle: Principle, negated: bool) -> tuple[str, ...]:
    if negated:
        return (principle.negative_definition or "", *principle.negative_paraphrases)
    return (principle.definition, *principle.paraphrases)


def sample_principles(
    bank: Bank, k: int, boosts: Mapping[str, float], rng: np.random.Generator
) -> tuple[Principle, ...]:
    """``k`` principles drawn one after the other by weight, without replacement.

    The k smallest of exponential variables with rates = weights are distributed exactly as k
    successive draws (Efraimidis and Spirakis 2006), so ``numpy.random.Generator.choice(replace=False,
    p=weights)`` has the same inclusion rates.

    Args:
        k: how many; more than the bank has gives all of it. Heavier principles tend to come first.
        boosts: name -> weight added to it. Names that the bank lacks have no effect, so that one boost
            setting serves every bank of a sweep (``Bank.missing`` tells them, for a warning).

    Raises:
        ValueError: ``k`` is negative, or a boost leaves a weight that is not above 0.
    """
    weights = np.array([p.weight + boosts.get(p.name, 0.0) for p in bank.principles])
    if k < 0 or not (weights > 0).all():
        raise ValueError(f"k ({k}) must not be negative, and every weight must be above 0")
    waiting = -np.log1p(-rng.random(len(weights))) / weights
    return tuple(bank.principles[index] for index in np.argsort(waiting, kind="stable")[:k])


def draw_guidelines(
    principles: Sequence[Principle], negation_probability: float, rng: np.random.Generator, mirrored: bool = False
) -> tuple[Guideline, ...]:
    """Negate each principle independently, and draw a wording of that polarity.

    Each wording has the same probability.

    A principle without a negative definition is never negated. One uniform number is drawn for every principle, so
    what happens to one does not depend on another, and paraphrases do not change what is negated.

    ``mirrored``: use 1 - u for every number u: antithetic to the draw with the same ``rng``. Both have the same
    distribution, and at a negation probability of 0.5 one asserts what the other negates.
    """
    uniforms = rng.random(len(principles))
    if mirrored:
        uniforms = np.nextafter(1.0, 0.0) - uniforms  # in [0, 1) again
    return tuple(_draw(p, float(u), negation_probability) for p, u in zip(principles, uniforms, strict=True))


def _draw(principle: Principle, uniform: float, probability: float) -> Guideline:
    """The part of [0, 1) that decided on negation, stretched to [0, 1) again, decides on the wording."""
    low, high = 0.0, 1.0
    negated = False
    if principle.negative_definition is not None:
        negated = uniform < probability
        low, high = (0.0, min(probability, 1.0)) if negated else (max(probability, 0.0), 1.0)
    return Guideline(principle, negated, _wording((uniform - low) / (high - low), principle, negated))


def _wording(uniform: float, principle: Principle, negated: bool) -> int:
    number = len(_wordings(principle, negated))
    return min(int(number * uniform), number - 1)
