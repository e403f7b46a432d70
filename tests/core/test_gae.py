import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.gae import gae

# gamma = lam = 1/2, so gamma * lam = 1/4. Padding holds rubbish.
GAMMA, LAM = 0.5, 0.5
REWARDS = torch.tensor([[1.0, 2.0, 4.0, 99.0], [3.0, 99.0, 99.0, 99.0]], dtype=torch.float64)
VALUES = torch.tensor([[2.0, 4.0, 8.0, 77.0], [1.0, 77.0, 77.0, 77.0]], dtype=torch.float64)
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]])
# Row 1, backwards:
#   delta_2 = 4 + 0 - 8         = -4    A_2 = -4                 return_2 = -4 + 8 = 4
#   delta_1 = 2 + 8 / 2 - 4     =  2    A_1 = 2 - 4 / 4 = 1      return_1 = 1 + 4 = 5
#   delta_0 = 1 + 4 / 2 - 2     =  1    A_0 = 1 + 1 / 4 = 1.25   return_0 = 1.25 + 2 = 3.25
# Row 2: delta_0 = 3 + 0 - 1 = 2 = A_0; return_0 = 3
ADVANTAGES = np.array([[1.25, 1.0, -4.0, 0.0], [2.0, 0.0, 0.0, 0.0]])
RETURNS = np.array([[3.25, 5.0, 4.0, 0.0], [3.0, 0.0, 0.0, 0.0]])


def test_literal():
    advantages, returns = gae(REWARDS, VALUES, MASK, GAMMA, LAM)
    assert advantages.numpy() == approx(ADVANTAGES)
    assert returns.numpy() == approx(RETURNS)


def test_lambda_forgotten_is_rejected():
    advantages, returns = gae(REWARDS, VALUES, MASK, GAMMA, lam=1.0)
    assert advantages.numpy() != approx(ADVANTAGES)
    assert returns.numpy() != approx(RETURNS)


def test_mask_forgotten_is_rejected():
    advantages, returns = gae(REWARDS, VALUES, torch.ones_like(MASK), GAMMA, LAM)
    assert advantages.numpy() != approx(ADVANTAGES)
    assert returns.numpy() != approx(RETURNS)


def random_batch(seed):
    generator = torch.Generator().manual_seed(seed)
    rewards, values = torch.randn(2, 5, 6, generator=generator, dtype=torch.float64)
    lengths = torch.randint(1, 7, (5, 1), generator=generator)
    return rewards, values, torch.arange(6) < lengths


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_undiscounted_advantage_is_remaining_reward_minus_value(seed):
    rewards, values, mask = random_batch(seed)
    advantages, returns = gae(rewards, values, mask, 1.0, 1.0)
    remaining = (rewards * mask).flip(1).cumsum(1).flip(1)
    assert returns.numpy() == approx((remaining * mask).numpy())
    assert advantages.numpy() == approx(((remaining - values) * mask).numpy())


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), padding=st.integers(1, 4), gamma=st.floats(0, 1), lam=st.floats(0, 1))
def test_padding_and_row_order_change_nothing(seed, padding, gamma, lam):
    rewards, values, mask = random_batch(seed)
    advantages, returns = gae(rewards, values, mask, gamma, lam)

    rubbish = torch.full((5, padding), math.nan, dtype=torch.float64)
    wider = torch.cat([mask, torch.zeros(5, padding, dtype=torch.bool)], 1)
    padded = gae(torch.cat([rewards, rubbish], 1), torch.cat([values, rubbish], 1), wider, gamma, lam)
    for wide, narrow in zip(padded, (advantages, returns), strict=True):
        assert wide[:, :6].equal(narrow) and wide[:, 6:].eq(0).all()

    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    permuted = gae(rewards[order], values[order], mask[order], gamma, lam)
    assert permuted[0].equal(advantages[order]) and permuted[1].equal(returns[order])


@pytest.mark.usefixtures("as_at_run_time")
def test_refusals():
    with pytest.raises(ValueError, match=r"rows \[1\] have a real token after padding"):
        gae(REWARDS, VALUES, torch.tensor([[1, 1, 1, 0], [1, 0, 1, 0]]), GAMMA, LAM)
    with pytest.raises(ValueError, match="after padding"):  # left padding
        gae(REWARDS, VALUES, MASK.flip(1), GAMMA, LAM)
    with pytest.raises(ValueError, match="shapes differ"):
        gae(REWARDS, VALUES[:, :3], MASK, GAMMA, LAM)
