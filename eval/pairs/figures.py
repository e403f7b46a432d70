"""Accuracies of scored pairs, with intervals that know which pairs have their prompt in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.clusters import Stratum, share_interval, weighted_mean
from eval.pairs.rewardbench import score_weights, section_weights
from eval.results import Row, TaskRows


@dataclass(frozen=True)
class ScoredPairs:
    """One kind of score on N pairs."""

    label: str  # "sum", "per_token", "reward_<bank>"
    chosen: np.ndarray  # [N] higher is better
    rejected: np.ndarray  # [N]
    cut: np.ndarray  # [N] whether something did not fit

    @property
    def right(self) -> np.ndarray:
        """[N] 1 where the preferred response has the higher score, 0 where the other one has, 1/2 at a tie; NaN where
        a score is not finite."""
        with np.errstate(invalid="ignore"):
            margin = self.chosen - self.rejected
        return np.where(np.isfinite(margin), 0.5 + 0.5 * np.sign(margin), np.nan)


def accuracy_rows(rows: TaskRows, scored: ScoredPairs, categories: Sequence[str], prompts: Sequence[str]) -> list[Row]:
    """Accuracy over all pairs, by category, by RewardBench's sections where these are its subsets, and counts.

    A tie counts one half. Pairs without two finite scores are left out and counted as ``n_undefined``.
    """
    right, label = scored.right, scored.label
    defined = np.flatnonzero(~np.isnan(right)).tolist()
    strata: dict[str, list[int]] = {}
    for place in defined:
        strata.setdefault(categories[place], []).append(place)

    def mean_of(metric: str, weights: Mapping[str, float]) -> Row:
        used = [(strata[name], weight) for name, weight in weights.items()]
        return mean_row(rows, metric, [([right[i] for i in s], [prompts[i] for i in s], w) for s, w in used])

    named = {name: places for name, places in strata.items() if name}
    sections = section_weights({name: len(places) for name, places in strata.items()})
    found = [mean_of(f"accuracy_{label}", {name: len(places) / len(defined) for name, places in strata.items()})]
    found += [mean_of(f"section_{label}:{section}", weights) for section, weights in sections.items()]
    if score := score_weights(sections):
        found.append(mean_of(f"rewardbench_score_{label}", score))
    found += [mean_of(f"accuracy_{label}:{name.replace('/', '-')}", {name: 1.0}) for name in sorted(named)]
    counts = {
        "n_tied": int((right == 0.5).sum()),
        "n_undefined": len(right) - len(defined),
        "n_too_long": int(scored.cut.sum()),
    }
    return found + [rows.count(f"{name}_{label}", count, len(right)) for name, count in counts.items()]


def mean_row(rows: TaskRows, metric: str, strata: Sequence[Stratum]) -> Row:
    """The weighted mean of the strata with its interval; a row without a figure where they have no values."""
    values = [value for stratum, _, _ in strata for value in stratum]
    if not values:
        note = f"no figure: no pair has two finite scores; {rows.how.text}"
        return Row(rows.checkpoint, rows.task, metric, None, None, 0, note, provenance=rows.how)
    mean, stderr = weighted_mean(strata)
    low, high = share_interval(strata, mean, stderr) or (None, None)
    return Row(rows.checkpoint, rows.task, metric, float(mean), stderr, len(values), rows.how.text, low, high, rows.how)


def finite_or_none(values: np.ndarray) -> list[float | None]:
    """The values as JSON has them: null where one is not finite."""
    return [value if np.isfinite(value) else None for value in values.tolist()]
