"""Curves of a study as its page draws them: mean and band over a cell's seeds, thinned where they are long."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sweeps.cells import Cell
from sweeps.curves import Curve, read_curves
from sweeps.figures import band

LONGEST = 300  # points of a curve: more than a chart has pixels to tell apart
SHORTEST = 60
NUMBERS = 900_000  # in all curves of a page; a number takes about 7 bytes


@dataclass(frozen=True)
class Series:
    """One metric of one cell; ``low`` and ``high``: the range of the seeds, and of the steps that a point is for."""

    steps: np.ndarray
    low: np.ndarray
    mean: np.ndarray
    high: np.ndarray

    @property
    def banded(self) -> bool:
        return bool((self.low < self.high).any())


def series_of(cell: Cell) -> dict[str, Series]:
    """Every metric that all seeds of the cell logged, at the steps where all have a finite value."""
    runs = [read_curves(path) for path in cell.policies.values()]
    names = [name for name in (runs[0] if runs else {}) if all(name in run for run in runs)]
    found = {name: _series({place: run[name] for place, run in enumerate(runs)}) for name in names}
    return {name: series for name, series in found.items() if series is not None}


def _series(curves: Mapping[int, Curve]) -> Series | None:
    rows = band(curves)
    if not rows:
        return None
    steps, low, mean, high = (np.array(column) for column in zip(*rows, strict=True))
    return Series(steps, low, mean, high)


def thin(series: Series, points: int) -> Series:
    """At most ``points`` of them: the first and the last as they are, between them runs of neighbouring steps.

    Such a point has the middle step and the mean of its run, and the band from its lowest to its highest, so that a
    spike that the line smooths stays in the band.
    """
    count = len(series.steps)
    if count <= points:
        return series
    runs = np.array_split(np.arange(1, count - 1), points - 2)

    def merged(values: np.ndarray, how: Any) -> np.ndarray:
        return np.array([values[0], *(how(values[run]) for run in runs), values[-1]])

    return Series(
        merged(series.steps, lambda steps: steps[len(steps) // 2]),
        merged(series.low, np.min),
        merged(series.mean, np.mean),
        merged(series.high, np.max),
    )


@dataclass(frozen=True)
class Curves:
    """All curves of a page. ``series[metric][place of the cell]``."""

    series: Mapping[str, Mapping[int, Series]]
    longest: int  # points of the longest curve as it was logged
    points: int  # that a curve has at most here

    @property
    def data(self) -> dict[str, Any]:
        """For the page's script: ``[number of its steps, mean, low, high]``, the last two only where they differ."""
        steps: dict[tuple[int, ...], int] = {}
        metrics: dict[str, dict[int, list[Any]]] = {}
        for metric, by_cell in self.series.items():
            for place, one in by_cell.items():
                number = steps.setdefault(tuple(one.steps.tolist()), len(steps))
                sides = (one.mean, one.low, one.high) if one.banded else (one.mean,)
                metrics.setdefault(metric, {})[place] = [number, *map(rounded, sides)]
        return {"steps": [list(each) for each in steps], "metrics": metrics}

    @property
    def note(self) -> str:
        """What was done to them; empty where nothing was."""
        if self.longest <= self.points:
            return ""
        return (
            f"Curves of more than {self.points} steps (here up to {self.longest}) are thinned to that many points, so "
            "that this page stays small: a point is the mean of neighbouring steps, and the band goes from their "
            "lowest to their highest value. First and last values are exact; metrics.jsonl has every step."
        )


def curves_of(cells: Sequence[Cell]) -> Curves:
    """Of all cells, thinned as far as the number of curves asks for."""
    by_cell = {place: series_of(cell) for place, cell in enumerate(cells)}
    names = dict.fromkeys(name for found in by_cell.values() for name in found)
    every = [one for found in by_cell.values() for one in found.values()]
    columns = sum(3 if one.banded or len(one.steps) > LONGEST else 1 for one in every)
    points = int(np.clip(NUMBERS // max(columns, 1), SHORTEST, LONGEST))
    series = {
        name: {place: thin(found[name], points) for place, found in by_cell.items() if name in found} for name in names
    }
    return Curves(series, max((len(one.steps) for one in every), default=0), points)


def rounded(values: np.ndarray) -> list[float]:
    """Four significant digits: a chart shows no more."""
    return [float(f"{value:.4g}") for value in values.tolist()]
