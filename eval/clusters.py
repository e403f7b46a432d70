"""Means of items of which several belong together (two turns of a question, pairs of a prompt), and their intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eval.intervals import proportion_interval

Stratum = tuple[Sequence[float], Sequence[Any], float]  # values [n], their clusters [n], weight (all sum to 1)


def weighted_mean(strata: Sequence[Stratum]) -> tuple[float, float | None]:
    """The weighted mean of the strata's means, and its standard error; None with fewer than two clusters.

    Values of one cluster are not independent of each other (cluster-robust variance, Liang & Zeger 1986, with the
    factor G / (G - 1)); where every value is its own cluster in one stratum, this is the usual standard error.
    """
    mean, influence = 0.0, dict[Any, float]()
    for values, clusters, weight in strata:
        centre = sum(values) / len(values)
        mean += weight * centre
        for value, cluster in zip(values, clusters, strict=True):
            influence[cluster] = influence.get(cluster, 0.0) + weight / len(values) * (value - centre)
    groups = len(influence)
    if groups < 2:
        return mean, None
    return mean, float(np.sqrt(groups / (groups - 1) * sum(part**2 for part in influence.values())))


def share_interval(strata: Sequence[Stratum], mean: float, stderr: float | None) -> tuple[float, float] | None:
    """95 % interval of a mean of values from 0 to 1.

    Of a proportion where that is what the mean is, or where all clusters say the same, which is not certainty; else by
    the standard error and Student's t with a degree of freedom less than there are clusters.
    """
    values = {value for stratum, _, _ in strata for value in stratum}
    groups = len({cluster for _, clusters, _ in strata for cluster in clusters})
    items = sum(len(stratum) for stratum, _, _ in strata)
    equal_weights = len({round(weight / len(stratum), 12) for stratum, _, weight in strata}) == 1
    if values <= {0.0, 1.0} and (len(values) == 1 or (equal_weights and groups == items)):
        return proportion_interval(round(mean * groups), groups)
    if stderr is None:
        return None
    if stderr == 0:
        return proportion_interval(round(mean * groups), groups)
    from scipy.stats import t as student  # takes a second to import

    reach = float(student.ppf(0.975, groups - 1)) * stderr
    return max(0.0, mean - reach), min(1.0, mean + reach)
