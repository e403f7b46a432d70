"""A family out of a constraint: its measure is the package's verdict, and its edits are tried by it."""

import re
from collections.abc import Callable

import numpy as np

from eval.ifbench.constraints import CheckerError, Constraint
from salmon.principles.parametric.contrast import sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Edit, Family
from salmon.principles.parametric.neutral import NEUTRAL

# (prompt, parameter) -> arguments of the constraint
Arguments = Callable[[str, str], dict[str, str | int | float]]
_ENDING = " \t\n.,;:!?*\"”'"


def nothing(_prompt: str, _parameter: str) -> dict[str, str | int | float]:
    """Arguments of a constraint that has none."""
    return {}


def number(name: str) -> Arguments:
    """Arguments of a constraint with one number, which is the parameter."""
    return lambda _prompt, parameter: {name: int(parameter)}


def checked_family(
    constraint: str,
    edit: Edit,
    *,
    topics: tuple[str, ...],
    absence: tuple[str, ...],
    wanted: tuple[str, ...],
    unwanted: tuple[str, ...],
    arguments: Arguments = nothing,
    parameters: tuple[str, ...] = ("",),
) -> Family:
    """The family ``ifbench_<constraint>``.

    Args:
        constraint: its instruction id.
        edit: makes two answers of one. Where they are not one that follows and one that does not, the answer cannot be
            edited.
        arguments: of the constraint, from the prompt and the family's parameter.
    """

    def measure(prompt: str, response: str, parameter: str) -> float | None:
        asked = Constraint(constraint, tuple(arguments(prompt, parameter).items()))
        try:
            return float(bool(response.strip()) and asked.follows(response))
        except CheckerError:
            return None

    def tried(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
        more, less = edit(prompt, answer, parameter, rng)
        follows, breaks = measure(prompt, more, parameter) == 1, measure(prompt, less, parameter) == 0
        return (more, less) if follows and breaks and less.strip() else (answer, answer)

    return Family(
        name="ifbench_" + re.sub(r"\W", "_", constraint),
        measure=measure,
        edit=tried,
        topics=topics,
        absence=absence,
        wanted=wanted,
        unwanted=unwanted,
        parameters=parameters,
    )


def bare_sentences(answer: str, count: int, rng: np.random.Generator) -> list[str]:
    """The first ``count`` sentences of an answer without what ends them; plain ones follow where it has fewer."""
    own = [" ".join(answer[start:end].split()).rstrip(_ENDING) for start, end in sentence_spans(answer)]
    found = [sentence for sentence in own if sentence][:count]
    while len(found) < count:
        found.append(pick(NEUTRAL, rng).rstrip("."))
    return found


def of_words(answer: str, count: int, rng: np.random.Generator) -> str:
    """The first ``count`` words (letters, digits) of an answer, with plain sentences behind it if it has fewer."""
    while len(words := list(re.finditer(r"\w+", answer))) < count:
        answer = f"{answer.rstrip()} {pick(NEUTRAL, rng)}"
    return answer if len(words) == count else f"{answer[: words[count - 1].end()]}."
