"""RewardBench 2's own scores (Malik et al. 2025, arXiv 2506.01937): that of its subset Ties, and the mean of all six.

Ties has questions in twos: ``ref:N`` with one right answer, and ``tied:N`` with several, which should score alike. Of
such a pair the score is the sum of
- 0.3 if every right answer of ``tied:N`` is above every wrong one, and 0.3 if that of ``ref:N`` is,
- 0.2 if the gap between the worst right answer and the best wrong one of ``tied:N`` is larger than the spread of its
  right answers, and 0.2 if the gap of ``ref:N`` is larger than this spread as well.
The leaderboard adds at most 0.01 for how much larger; this is left out, so that the score is from 0 to 1.
"""

import re
from collections.abc import Sequence

import numpy as np

TIES = "Ties"
SUBSETS = frozenset({"Factuality", "Precise IF", "Math", "Safety", "Focus", TIES})
ID = re.compile(r"(ref|tied):(\d+)")
RIGHT = {"ref": 0.3, "tied": 0.3}
GAP = 0.2


def pair_number(name: str) -> tuple[str, int] | None:
    """("ref" or "tied", number of the pair) that an id names; None where it names none."""
    found = ID.fullmatch(name)
    return None if found is None else (found[1], int(found[2]))


def ties_scores(names: Sequence[str], scores: Sequence[np.ndarray], right: Sequence[Sequence[int]]) -> dict[int, float]:
    """By number of a pair of which both questions are there: its score from 0 to 1; NaN where one is not finite.

    Args:
        names: ids of N questions.
        scores: of the answers to each question.
        right: places of the right answers to each question.
    """
    found: dict[int, dict[str, tuple[float, float]]] = {}
    for name, values, places in zip(names, scores, right, strict=True):
        if (pair := pair_number(name)) is not None:
            found.setdefault(pair[1], {})[pair[0]] = _gap_and_spread(values, places)
    return {number: _score(both["ref"], both["tied"]) for number, both in found.items() if len(both) == 2}


def _gap_and_spread(values: np.ndarray, right: Sequence[int]) -> tuple[float, float]:
    """How far the worst right answer is above the best wrong one, and how far the right ones are apart."""
    of_right, of_wrong = values[list(right)], np.delete(values, list(right))
    if not np.isfinite(values).all():
        return np.nan, np.nan
    return float(of_right.min() - of_wrong.max()), float(np.ptp(of_right))


def _score(ref: tuple[float, float], tied: tuple[float, float]) -> float:
    (ref_gap, _), (gap, spread) = ref, tied
    if np.isnan(ref_gap) or np.isnan(gap):
        return np.nan
    return (
        RIGHT["ref"] * (ref_gap > 0)
        + RIGHT["tied"] * (gap > 0)
        + GAP * (gap > spread)
        + GAP * (min(ref_gap, gap) > spread)
    )
