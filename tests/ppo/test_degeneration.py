"""Literals of what is measured of a rollout's text and scores."""

import math

import pytest
import torch

from salmon.ppo.degeneration import repetition, score_uncertainty


def test_repetition_is_the_share_of_phrases_that_came_before() -> None:
    """1 2 3 4 1 2 3 4: five phrases, of which 1 2 3 4 comes twice; seven equal tokens: one phrase four times."""
    assert repetition([[1, 2, 3, 4, 1, 2, 3, 4]]) == pytest.approx(1 / 5)
    assert repetition([[7] * 7]) == pytest.approx(3 / 4)
    assert repetition([[1, 2, 3, 4, 5], [7] * 7]) == pytest.approx(3 / 8)
    assert repetition([[], [7] * 3]) == 0.0


def test_uncertainty_is_the_entropy_of_preferences() -> None:
    """Equal scores: ln 2. A difference of ln 3: 3/4 against 1/4, so 0.562335 nats; of 100: none."""
    assert score_uncertainty(torch.zeros(5)) == pytest.approx(math.log(2))
    assert score_uncertainty(torch.tensor([0.0, math.log(3)])) == pytest.approx(0.562335, abs=1e-6)
    assert score_uncertainty(torch.tensor([0.0, 100.0])) == pytest.approx(0.0, abs=1e-12)
    assert score_uncertainty(torch.tensor([0.0, 0.0, 100.0])) == pytest.approx(math.log(2) / 3)
    assert score_uncertainty(torch.tensor([1.0])) == 0.0
