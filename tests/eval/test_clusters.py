"""Intervals of items that belong together, by simulation; single cases are with the benchmarks that use them."""

import numpy as np
import pytest
from pytest import approx

from eval.clusters import share_interval, weighted_mean
from eval.provenance import Provenance
from eval.results import TaskRows


@pytest.mark.slow
@pytest.mark.parametrize("questions", [13, 80])
def test_intervals_cover_where_items_come_in_clusters(questions):
    """Two turns of a question that mostly come out alike; taken one by one they miss one time of ten and more."""
    rng, truth, covered, covered_alone, tries = np.random.default_rng(0), 0.6, 0, 0, 3000
    clusters = np.repeat(np.arange(questions), 2).tolist()
    for _ in range(tries):
        own = rng.beta(0.6, 0.4, questions)
        values = (rng.random(2 * questions) < np.repeat(own, 2)).astype(float).tolist()
        for alone in (False, True):
            strata = [(values, list(range(2 * questions)) if alone else clusters, 1.0)]
            low, high = share_interval(strata, *weighted_mean(strata))
            covered += low <= truth <= high and not alone
            covered_alone += low <= truth <= high and alone
    assert covered / tries >= 0.93 and covered_alone / tries < 0.9


def test_clusters_that_agree_are_not_certain():
    """Each question has one win and one loss: by the standard error the interval would be a point."""
    row = TaskRows("m", "t", Provenance("h", "t")).mean("rate", [1.0, 0.0] * 4, [0, 0, 1, 1, 2, 2, 3, 3])
    assert (row.value, row.low, row.high) == (0.5, approx(0.150, abs=1e-3), approx(0.850, abs=1e-3))  # Wilson, n = 4
