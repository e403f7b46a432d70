"""What scores of the responses of a row say, beside what the row says; no model and no files.

Verdicts are from 0 to 1, and NaN where a score is not finite. A tie of two scores counts one half.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eval.pairs.ranked.rows import Ranked

Scores = Sequence[np.ndarray]  # [N] of [responses of the row]; higher is better


@dataclass(frozen=True)
class RankedScores:
    """One kind of score on N rows."""

    label: str  # "sum", "per_token", "reward_guideline", "reward_<bank>"
    scores: Scores  # under each row's guideline, or whatever is asked of all rows
    contrary: Scores  # under its contrary; empty where it has none
    cut: np.ndarray  # [N] whether something did not fit


@dataclass(frozen=True)
class Turned:
    """Of the rows that have a contrary, what becomes of the preferences under it; [N], NaN elsewhere."""

    right: np.ndarray  # share of the pairs of responses that are ranked as the contrary asks
    both: np.ndarray  # share that is right under the guideline and under the contrary
    flipped: np.ndarray  # share whose preference turns, right or wrong


def right_pairs(rows: Sequence[Ranked], scores: Scores) -> np.ndarray:
    """[N] share of the pairs of responses of unequal rank that the scores rank as the row does."""
    return np.array([_mean((signs + 1) / 2) for signs in _signs(rows, scores)])


def best_shares(rows: Sequence[Ranked], scores: Scores) -> np.ndarray:
    """[N] share of the highest-scored responses that are among the best: 1 or 0, and between where scores tie."""
    return np.array([_best_share(row, values) for row, values in zip(rows, scores, strict=True)])


def under_contrary(rows: Sequence[Ranked], scores: Scores, contrary: Scores) -> Turned:
    found = np.full((3, len(rows)), np.nan)
    places = [place for place, row in enumerate(rows) if row.contrary is not None]
    kept = [rows[place] for place in places]
    asserted = _signs(kept, [scores[place] for place in places])
    reversed_ = _signs(kept, [contrary[place] for place in places])
    for place, one, other in zip(places, asserted, reversed_, strict=True):
        known = np.where(np.isnan(one) | np.isnan(other), np.nan, 1.0)
        found[:, place] = (
            _mean((1 - other) / 2),
            _mean(known * ((one > 0) & (other < 0))),
            _mean(known * (one * other < 0)),
        )
    return Turned(*found)


def agreements(rows: Sequence[Ranked], scores: Scores) -> dict[int, float]:
    """Of each group with two or more rows, by the place of its first: 1 if all prefer one same response, else 0.

    Where a row has two best-scored responses it prefers none, and agrees with nothing.
    """
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if row.group is not None:
            places.setdefault(row.group, []).append(place)
    return {
        of_group[0]: _agreement([scores[place] for place in of_group])
        for of_group in places.values()
        if len(of_group) > 1
    }


def first_wins(rows: Sequence[Ranked], scores: Scores, sign: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """[N] whether response 1 of the file wins, and whether it should; NaN for rows of more than two responses.

    Args:
        sign: -1: under the contrary, where the ranks are reversed.
    """
    wins, should = np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    for place, (row, values) in enumerate(zip(rows, scores, strict=True)):
        if len(row.responses) == 2 and row.pairs and len(values) == 2 and np.isfinite(values).all():
            wins[place] = 0.5 + 0.5 * np.sign(values[0] - values[1])
            should[place] = 0.5 + 0.5 * sign * np.sign(row.ranks[1] - row.ranks[0])
    return wins, should


def tied(rows: Sequence[Ranked], scores: Scores) -> np.ndarray:
    """[N] whether two responses of unequal rank have the same score."""
    return np.array([bool((signs == 0).any()) for signs in _signs(rows, scores)])


def _signs(rows: Sequence[Ranked], scores: Scores) -> list[np.ndarray]:
    """Of each pair (better, worse) of a row: 1, 0 or -1, as the better one's score is; NaN if one is not finite."""
    found = []
    for row, values in zip(rows, scores, strict=True):
        better, worse = np.array(row.pairs).T
        with np.errstate(invalid="ignore"):
            margin = values[better] - values[worse]
        found.append(np.where(np.isfinite(margin), np.sign(margin), np.nan))
    return found


def _best_share(row: Ranked, values: np.ndarray) -> float:
    if not np.isfinite(values).all():
        return np.nan
    highest = np.flatnonzero(values == values.max())
    return float(np.isin(highest, row.best).mean())


def _agreement(scores: Scores) -> float:
    if not all(np.isfinite(values).all() for values in scores):
        return np.nan
    preferred = [tuple(np.flatnonzero(values == values.max())) for values in scores]
    return float(len(set(preferred)) == 1 and len(preferred[0]) == 1)


def _mean(values: np.ndarray) -> float:
    """NaN where one of them is."""
    return float(values.mean())
