"""The learning curve of a reward model: since when it follows principles, in wordings it was trained on and others.

A measurement of a few held-out pairs; ``python -m eval`` measures all of them, with intervals.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from salmon.data.rows import PreferenceRow
from salmon.principles.bank import Bank
from salmon.runtime.seeding import stream


def probes_of_pairs(probes: Sequence[PreferenceRow], pairs: int, seed: int) -> list[PreferenceRow]:
    """Draw ``pairs`` held-out pairs that have probes, and return these."""
    by_pair: dict[str, list[PreferenceRow]] = defaultdict(list)
    for row in probes:
        by_pair[row.pair].append(row)
    groups = list(by_pair.values())
    return [row for i in stream(seed, "probing").permutation(len(groups))[:pairs] for row in groups[i]]


def reworded(probes: Sequence[PreferenceRow], bank: Bank) -> list[PreferenceRow]:
    """Ask the same probes in the words of ``bank``; those of principles that it lacks are left out."""
    texts: dict[tuple[str, bool], str | None] = {}
    for principle in bank.principles:
        texts |= {(principle.name, False): principle.definition, (principle.name, True): principle.negative_definition}
    rows = []
    for row in probes:
        (guideline,) = row.guidelines
        if text := texts.get((guideline.name, guideline.negated)):
            rows.append(replace(row, guidelines=(replace(guideline, text=text),)))
    return rows


def following(probes: Sequence[PreferenceRow], margins: Sequence[float]) -> dict[str, float]:
    """Measure how far each principle and its negation are followed.

    Args:
        probes: held-out pairs under one principle each.
        margins: of each probe, score of the response that should win minus the other one's.

    Returns:
        ``asserted`` and ``negated``: share of probes that are ranked as the principle or its negation says (half a
        point for a margin of 0); ``flip_rate``: share of pairs whose preferred response changes with the negation.
        Each is the mean over principles, and is absent where no probe asks for it.
    """
    by_case: dict[str, dict[str, dict[bool, float]]] = defaultdict(lambda: defaultdict(dict))
    for row, margin in zip(probes, margins, strict=True):
        (guideline,) = row.guidelines
        by_case[guideline.name][row.pair][guideline.negated] = margin
    cases = [list(pairs.values()) for pairs in by_case.values()]  # [K][pairs]: negated or not -> margin
    right = {
        name: [[0.5 + 0.5 * float(np.sign(case[negated])) for case in pairs if negated in case] for pairs in cases]
        for name, negated in (("asserted", False), ("negated", True))
    }
    # Right both times or wrong both times: it was turned, since what should win has changed.
    right["flip_rate"] = [[float(case[False] * case[True] > 0) for case in pairs if len(case) == 2] for pairs in cases]
    means = {name: [float(np.mean(values)) for values in each if values] for name, each in right.items()}
    return {name: float(np.mean(values)) for name, values in means.items() if values}
