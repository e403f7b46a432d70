"""What a family of principles is: one feature of an answer, how it is measured, made and talked about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

PARAMETER = "{p}"  # stands for the parameter in texts
NO_PARAMETER = ("",)
TOPICS, SENTENCES = ("topics", "absence"), ("wanted", "unwanted")
TEXTS = (*TOPICS, *SENTENCES)  # the fields of a family that are texts

# (prompt, response, parameter) -> how much of the feature the response has; more is further in the direction of
# ``wanted``. None where there is nothing to say, as of a prompt that names no number.
Measure = Callable[[str, str, str], float | None]
# (prompt, answer, parameter, rng) -> the answer with more of the feature, and with less of it
Edit = Callable[[str, str, str, np.random.Generator], tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Family:
    """A feature of an answer that principles ask for or speak against.

    Attributes:
        name: unique, in snake case.
        measure: the checker. Its values need only be comparable with each other.
        edit: makes two answers of one. Where an answer cannot be edited, it returns what it was given, twice.
        topics: noun phrases for the feature, which fit into "Use {}." and "Avoid {}.".
        absence: noun phrases for its contrary, which fit there too.
        wanted: whole sentences that ask for the feature.
        unwanted: whole sentences that speak against it.
        parameters: what the gap ``{p}`` in the texts stands for, in turn; one empty text for a family without one.
        clear: two measures that differ by less than this share of the larger are a tie.
        words: it is about a word; without ``parameters``, it takes each of the universe's words.
    """

    name: str
    measure: Measure
    edit: Edit
    topics: tuple[str, ...]
    absence: tuple[str, ...]
    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]
    parameters: tuple[str, ...] = NO_PARAMETER
    clear: float = 0.0
    words: bool = False

    def values(self, words: Sequence[str]) -> Sequence[str]:
        """What the gap in its texts may stand for.

        Args:
            words: the universe's.
        """
        return words if self.words and self.parameters == NO_PARAMETER else self.parameters

    def prefers(self, prompt: str, first: str, second: str, parameter: str) -> int:
        """1 / -1 where the first / second response has more of the feature; 0 at a tie or where either is blank."""
        difference = self.contrast(prompt, first, second, parameter)
        return (difference > 0) - (difference < 0)

    def contrast(self, prompt: str, first: str, second: str, parameter: str) -> float:
        """By how much more of the feature the first response has, as a share of the larger measure; 0 at a tie."""
        if not first.strip() or not second.strip():
            return 0.0
        one, two = self.measure(prompt, first, parameter), self.measure(prompt, second, parameter)
        if one is None or two is None or one == two or abs(one - two) < self.clear * max(abs(one), abs(two)):
            return 0.0
        return (one - two) / max(abs(one), abs(two))
