"""What a cell has beyond another, the baseline of a comparison."""

from dataclasses import dataclass
from enum import Enum

from sweeps.cells import Cell
from sweeps.statistics import Estimate, mean_interval, unpaired_difference


class Pairing(Enum):
    """How two cells were set against each other."""

    paired = "paired by seed"
    unpaired = "no seed in common: difference of means, Welch's interval"
    same = "the same run in both"
    none = "not measured in both"


@dataclass(frozen=True)
class Difference:
    """Cell minus baseline; ``estimate.n`` counts pairs, or the smaller cell's measurements."""

    estimate: Estimate
    pairing: Pairing


def difference(cell: Cell, baseline: Cell, figure: str) -> Difference:
    """The figure of ``cell`` minus that of ``baseline``: of the same seeds where they share any.

    Pairs of the same two artifacts count once: another seed of a stage that does not depend on it is no repetition.
    """
    mine, theirs = cell.by_seed(figure), baseline.by_seed(figure)
    pairs = {
        (mine[seed].source, theirs[seed].source): mine[seed].value - theirs[seed].value
        for seed in mine
        if seed in theirs
    }
    if pairs and all(first == second for first, second in pairs):
        return Difference(Estimate(0.0, None, len(pairs)), Pairing.same)
    if pairs:
        return Difference(mean_interval(list(pairs.values())), Pairing.paired)
    if not mine or not theirs:
        return Difference(Estimate(None, None, 0), Pairing.none)
    return Difference(unpaired_difference(cell.distinct(figure), baseline.distinct(figure)), Pairing.unpaired)
