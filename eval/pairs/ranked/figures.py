"""The rows of the table for one kind of score on a benchmark; intervals know which rows have their prompt in common."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from eval.pairs.figures import mean_row
from eval.pairs.formats.llmbar import llmbar_sections
from eval.pairs.ranked.rewardbench2 import SUBSETS, TIES, ties_scores
from eval.pairs.ranked.rows import Ranked, clusters_of
from eval.pairs.ranked.verdicts import (
    RankedScores,
    agreements,
    best_shares,
    first_wins,
    right_pairs,
    tied,
    under_contrary,
)
from eval.results import Row, TaskRows

log = logging.getLogger("salmon")


class RankedFigures:
    """Makes the rows about one kind of score on one benchmark."""

    def __init__(self, rows: TaskRows, items: Sequence[Ranked], scored: RankedScores) -> None:
        self._rows, self._items, self._scored = rows, items, scored
        self._clusters = clusters_of(items)

    def all(self) -> list[Row]:
        right = right_pairs(self._items, self._scored.scores)
        return [
            *self._by_category("accuracy", right),
            *self._sections(right),
            *self._turned(),
            *self._best_of_n(),
            *self._rewardbench2(),
            *self._consistency(),
            *self._position(),
            *self._counts(right),
        ]

    def _by_category(self, metric: str, values: np.ndarray) -> list[Row]:
        """The mean over all items that have a value, then by category."""
        places = self._places(values)
        total = sum(map(len, places.values()))
        found = [self._mean(metric, values, {name: len(of) / total for name, of in places.items()})]
        return found + [self._mean(metric, values, {name: 1.0}, name) for name in sorted(places) if name]

    def _places(self, values: np.ndarray) -> dict[str, list[int]]:
        """Of each category, its items that have a value."""
        found: dict[str, list[int]] = {}
        for place in np.flatnonzero(~np.isnan(values)).tolist():
            found.setdefault(self._items[place].category, []).append(place)
        return found

    def _mean(self, metric: str, values: np.ndarray, weights: Mapping[str, float], of: str = "") -> Row:
        places = self._places(values)
        strata = [
            ([float(values[i]) for i in places[name]], [self._clusters[i] for i in places[name]], weight)
            for name, weight in weights.items()
        ]
        return mean_row(self._rows, self._name(metric, of), strata)

    def _name(self, metric: str, of: str = "") -> str:
        return f"{metric}_{self._scored.label}" + (f":{of.replace('/', '-')}" if of else "")

    def _sections(self, right: np.ndarray) -> list[Row]:
        sections = llmbar_sections({name: len(places) for name, places in self._places(right).items()})
        return [self._mean("section", right, weights, name) for name, weights in sections.items()]

    def _turned(self) -> list[Row]:
        if all(item.contrary is None for item in self._items):
            return []
        found = under_contrary(self._items, self._scored.scores, self._scored.contrary)
        named = {"accuracy_contrary": found.right, "both_right": found.both, "flip_rate": found.flipped}
        return [row for metric, values in named.items() for row in self._by_category(metric, values)]

    def _best_of_n(self) -> list[Row]:
        """Of items with more than two responses; those of Ties have a score of their own."""
        asked = np.array([len(item.responses) > 2 and item.category != TIES for item in self._items])
        if not asked.any():
            return []
        chance = np.mean([len(item.best) / len(item.responses) for item in np.array(self._items, object)[asked]])
        values = np.where(asked, best_shares(self._items, self._scored.scores), np.nan)
        return [_noted(row, f"chance is {chance:.3f}") for row in self._by_category("best_of_n", values)]

    def _rewardbench2(self) -> list[Row]:
        places = [place for place, item in enumerate(self._items) if item.category == TIES]
        if not places:
            return []
        items = [self._items[place] for place in places]
        scores = [self._scored.scores[place] for place in places]
        pairs = ties_scores([item.id for item in items], scores, [item.best for item in items])
        values = [value for value in pairs.values() if not np.isnan(value)]
        ties = (values, [f"{TIES}:{number}" for number, value in pairs.items() if not np.isnan(value)])
        unpaired = len(items) - 2 * len(pairs)
        found = [mean_row(self._rows, self._name("ties_score"), [(*ties, 1.0)] if values else [])]
        if unpaired:
            found.append(self._rows.count(self._name("n_unpaired"), unpaired, len(items)))
        best = best_shares(self._items, self._scored.scores)
        subsets = self._places(best)
        if subsets.keys() == SUBSETS and values:
            share = 1 / len(SUBSETS)
            strata = [
                ([float(best[i]) for i in of], [self._clusters[i] for i in of], share)
                for name, of in subsets.items()
                if name != TIES
            ]
            found.append(mean_row(self._rows, self._name("rewardbench2_score"), [*strata, (*ties, share)]))
        return found

    def _consistency(self) -> list[Row]:
        groups = agreements(self._items, self._scored.scores)
        if not groups:
            return []
        values = np.full(len(self._items), np.nan)
        values[list(groups)] = list(groups.values())
        return self._by_category("consistency", values)

    def _position(self) -> list[Row]:
        """How often the first of two responses wins; nothing where it always should, or never."""
        wins, should = first_wins(self._items, self._scored.scores)
        clusters = list(self._clusters)
        if any(map(len, self._scored.contrary)):
            more = first_wins(self._items, self._scored.contrary, sign=-1)
            wins, should = np.concatenate([wins, more[0]]), np.concatenate([should, more[1]])
            clusters *= 2
        known = np.flatnonzero(~np.isnan(wins))
        if len(set(should[known])) < 2:
            return []
        stratum = (wins[known].tolist(), [clusters[i] for i in known], 1.0)
        row = mean_row(self._rows, self._name("first_rate"), [stratum])
        expected = float(should[known].mean())
        note = f"the first response should win in {expected:.3f}"
        if row.low is not None and row.high is not None and not row.low <= expected <= row.high:
            side = "first" if row.value is not None and row.value > expected else "second"
            note += f", which is outside: a POSITION BIAS to the {side} one (or chance, once in 20 times)"
            log.warning("%s, %s: %s of [%.3f, %.3f]: %s", row.checkpoint, row.task, row.metric, row.low, row.high, note)
        return [_noted(row, note)]

    def _counts(self, right: np.ndarray) -> list[Row]:
        counts = {
            "n_tied": int(tied(self._items, self._scored.scores).sum()),
            "n_undefined": int(np.isnan(right).sum()),
            "n_too_long": int(self._scored.cut.sum()),
        }
        return [self._rows.count(self._name(name), count, len(right)) for name, count in counts.items()]


def _noted(row: Row, note: str) -> Row:
    return replace(row, note=f"{row.note}; {note}")
