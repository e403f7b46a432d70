import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.shaping import length_bonus, shaped_rewards

# PAPER.md 2.7: bonus 5, cap 0.8, 1024 tokens; general +1, reasoning -0.4, red-teaming 0.
LENGTHS = torch.tensor([512, 1024, 1024, 512, 1024, 1024])
MULTIPLIERS = torch.tensor([1.0, 1.0, -0.4, -0.4, 0.0, -1.0], dtype=torch.float64)
# 5 * 0.5; 5 * 0.8 (capped); 5 * -0.4; 5 * -0.2; 0; 5 * -0.8 (capped below too)
BONUSES = [2.5, 4.0, -2.0, -1.0, 0.0, -4.0]


def test_length_bonus_literals():
    assert length_bonus(LENGTHS, 1024, MULTIPLIERS, 5.0, 0.8).tolist() == approx(BONUSES)


def test_a_bonus_with_an_upper_limit_only_is_rejected():  # the original's
    share = MULTIPLIERS * LENGTHS / 1024
    assert (5 * share.clamp(max=0.8)).tolist() != approx(BONUSES)


# Coefficient 1/2, scale 10. Padding holds rubbish.
SCORES = torch.tensor([2.0, -1.0], dtype=torch.float64)
KL = torch.tensor([[0.1, -0.2, 0.3, 9.0], [0.4, 9.0, 9.0, 9.0]], dtype=torch.float64)
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]])
# Row 1: -0.05, +0.1, -0.15 + 2 = 1.85; row 2: -0.2 - 1 = -1.2; all x 10
REWARDS = np.array([[-0.5, 1.0, 18.5, 0.0], [-12.0, 0.0, 0.0, 0.0]])


def test_shaping_literals():
    assert shaped_rewards(SCORES, KL, MASK, 0.5, 10.0, whiten=False).numpy() == approx(REWARDS)


def test_the_score_in_the_last_column_is_rejected():  # on padding: the original's
    in_padding = torch.zeros_like(KL)
    in_padding[:, -1] = SCORES
    assert (10.0 * (in_padding - 0.5 * KL * MASK)).numpy() != approx(REWARDS)


# Coefficient 1: row 1 -(-1), -(-1) + 0 = 1, 1; row 2 -(-5), -0 + 5 = 5, 5. Mean 3, standard deviation 2:
# 0.5, 0.5; 2.5, 2.5; then scale 10.
WHITEN_SCORES = torch.tensor([0.0, 5.0], dtype=torch.float64)
WHITEN_KL = torch.tensor([[-1.0, -1.0, 80.0], [-5.0, 0.0, 80.0]], dtype=torch.float64)
WHITEN_MASK = torch.tensor([[1, 1, 0], [1, 1, 0]])
WHITENED = np.array([[5.0, 5.0, 0.0], [25.0, 25.0, 0.0]])


def test_whitening_literal():
    rewards = shaped_rewards(WHITEN_SCORES, WHITEN_KL, WHITEN_MASK, 1.0, 10.0, whiten=True)
    assert rewards.numpy() == approx(WHITENED)
    for wrong in (
        shaped_rewards(WHITEN_SCORES, WHITEN_KL, WHITEN_MASK, 1.0, 10.0, whiten=False),  # not whitened
        rewards / 10,  # scaled before whitening, which cancels the scale
        (rewards - 15) * WHITEN_MASK,  # mean shifted away (3 / 2 * 10)
    ):
        assert wrong.numpy() != approx(WHITENED)


def random_batch(seed):
    generator = torch.Generator().manual_seed(seed)
    kl = torch.randn(5, 6, generator=generator, dtype=torch.float64)
    scores = torch.randn(5, generator=generator, dtype=torch.float64)
    return scores, kl, torch.arange(6) < torch.randint(1, 7, (5, 1), generator=generator)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), padding=st.integers(1, 4), whiten=st.booleans())
def test_padding_and_row_order_change_nothing(seed, padding, whiten):
    scores, kl, mask = random_batch(seed)
    rewards = shaped_rewards(scores, kl, mask, 0.1, 3.0, whiten)
    wide_kl = torch.cat([kl, torch.full((5, padding), math.nan)], 1)
    wider = torch.cat([mask, torch.zeros(5, padding, dtype=torch.bool)], 1)
    padded = shaped_rewards(scores, wide_kl, wider, 0.1, 3.0, whiten)
    assert padded[:, :6].numpy() == approx(rewards.numpy()) and padded[:, 6:].eq(0).all()
    order = torch.randperm(5, generator=torch.Generator().manual_seed(seed))
    permuted = shaped_rewards(scores[order], kl[order], mask[order], 0.1, 3.0, whiten)
    assert permuted.numpy() == approx(rewards[order].numpy())


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 100))
def test_a_row_sums_to_its_score_minus_its_kl(seed, scale):
    scores, kl, mask = random_batch(seed)
    rewards = shaped_rewards(scores, kl, mask, 0.1, scale, whiten=False)
    assert rewards.sum(1).tolist() == approx((scale * (scores - 0.1 * (kl * mask).sum(1))).tolist())


def test_inputs_are_not_changed():
    scores, kl, mask = random_batch(0)
    before = scores.clone(), kl.clone()
    shaped_rewards(scores, kl, mask, 0.1, 10.0, whiten=True)
    assert scores.equal(before[0]) and kl.equal(before[1])


@pytest.mark.usefixtures("as_at_run_time")
def test_refusals():
    with pytest.raises(ValueError, match=r"rows \[1\] have no real token"):
        shaped_rewards(SCORES, KL, torch.tensor([[1, 1, 1, 0], [0, 0, 0, 0]]), 0.5, 1.0, whiten=False)
    with pytest.raises(ValueError, match="after padding"):
        shaped_rewards(SCORES, KL, MASK.flip(1), 0.5, 1.0, whiten=False)
    with pytest.raises(ValueError, match=r"scores \(2, 1\), rows \(2,\)"):
        shaped_rewards(SCORES[:, None], KL, MASK, 0.5, 1.0, whiten=False)
    with pytest.raises(ValueError, match="max_length must be positive"):
        length_bonus(LENGTHS, 0, MULTIPLIERS, 5.0, 0.8)
