"""Which principles are shown, and which of them are negated (PAPER.md 2.3, 2.6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from salmon.principles.bank import Bank, Principle


@dataclass(frozen=True)
class Guideline:
    """A principle as it is shown: asserted, or turned into its opposite."""

    principle: Principle
    negated: bool = False

    def __post_init__(self) -> None:
        if self.negated and self.principle.negative_definition is None:
            raise ValueError(f"{self.principle.name} has no negative definition")

    @property
    def text(self) -> str:
        """What the judge and the reward model read."""
        return (self.principle.negative_definition or "") if self.negated else self.principle.definition

    @property
    def key(self) -> str:
        """How metrics and tables call it: ``Name`` or ``not Name``."""
        return f"not {self.principle.name}" if self.negated else self.principle.name


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
    principles: Sequence[Principle], negation_probability: float, rng: np.random.Generator
) -> tuple[Guideline, ...]:
    """Negate each principle independently; one without a negative definition is never negated.

    One uniform number is drawn for every principle, so what happens to one does not depend on whether
    another can be negated.
    """
    uniforms = rng.random(len(principles))
    return tuple(
        Guideline(p, p.negative_definition is not None and bool(uniform < negation_probability))
        for p, uniform in zip(principles, uniforms, strict=True)
    )
