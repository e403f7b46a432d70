import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.masked import is_constant, masked_mean, masked_var, masked_whiten, zero_outside

# Real values 1, 1, 5, 5: mean 12 / 4 = 3; variance (4 + 4 + 4 + 4) / 4 = 4; standard deviation 2.
X = torch.tensor([[1.0, 1.0, 100.0], [5.0, 5.0, -100.0]], dtype=torch.float64)
MASK = torch.tensor([[1, 1, 0], [1, 1, 0]])
SHIFTED = np.array([[-1.0, -1.0, 0.0], [1.0, 1.0, 0.0]])  # (1 - 3) / 2, (5 - 3) / 2
UNSHIFTED = np.array([[0.5, 0.5, 0.0], [2.5, 2.5, 0.0]])  # 1 / 2, 5 / 2


def test_mean_and_variance_literals():
    assert masked_mean(X, MASK).item() == approx(3.0)
    assert masked_mean(X, MASK, dim=1).tolist() == approx([1.0, 5.0])
    assert masked_mean(X[:, :2], MASK[:, :2], dim=0).tolist() == approx([3.0, 3.0])
    assert masked_var(X, MASK).item() == approx(4.0)
    assert X[MASK.bool()].var().item() != approx(4.0)  # mutant: divided by count - 1 (16 / 3)
    assert X.mean().item() != approx(3.0)  # mutant: no mask (12 / 6)


def test_whitening_literals():
    assert masked_whiten(X, MASK, shift_mean=True).numpy() == approx(SHIFTED)
    assert masked_whiten(X, MASK, shift_mean=False).numpy() == approx(UNSHIFTED)


def test_the_other_shift_is_rejected():  # torchtune's defect
    assert masked_whiten(X, MASK, shift_mean=False).numpy() != approx(SHIFTED)
    assert masked_whiten(X, MASK, shift_mean=True).numpy() != approx(UNSHIFTED)


def test_adding_the_mean_back_is_rejected():
    # TRL and the original: (1 - 3) / 2 + 3 = 2 and (5 - 3) / 2 + 3 = 4 instead of 0.5 and 2.5.
    mutant = zero_outside(masked_whiten(X, MASK, shift_mean=True) + masked_mean(X, MASK), MASK)
    assert mutant.numpy() != approx(UNSHIFTED)


def test_zero_rewards_stay_zero_without_shift():
    x = torch.tensor([[0.0, 0.0, 3.0]])
    assert masked_whiten(x, torch.ones_like(x), shift_mean=False)[0, :2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [0.0, 0.1, -7.3, 1e6])
def test_constants_are_not_blown_up(value):
    x, mask = torch.full((3, 7), value), torch.ones(3, 7)
    assert is_constant(x, mask)
    assert masked_whiten(x, mask, shift_mean=False).numpy() == approx(x.numpy())
    centred = masked_whiten(x, mask, shift_mean=True).numpy()
    assert centred == approx(np.zeros((3, 7)), abs=1e-6 * abs(value))


def test_small_spread_is_not_called_constant():
    x = torch.tensor([[1e-9, 2e-9], [3e-9, 4e-9]])
    assert not is_constant(x, torch.ones_like(x))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), padding=st.integers(1, 5), factor=st.floats(1e-3, 1e3))
def test_whitening_ignores_padding_and_scale(seed, padding, factor):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    mask = torch.ones(3, 4)
    rubbish = torch.full((3, padding), math.nan, dtype=torch.float64)
    wide, wide_mask = torch.cat([x, rubbish], 1), torch.cat([mask, torch.zeros(3, padding)], 1)
    for shift_mean in (True, False):
        whitened = masked_whiten(x, mask, shift_mean)
        assert whitened.std(correction=0).item() == approx(1.0)
        padded = masked_whiten(wide, wide_mask, shift_mean)
        assert padded[:, :4].numpy() == approx(whitened.numpy())
        assert padded[:, 4:].eq(0).all()
        assert masked_whiten(factor * x, mask, shift_mean).numpy() == approx(whitened.numpy())


def test_no_gradient_reaches_padding():
    x = torch.tensor([2.0, math.inf], requires_grad=True)
    zero_outside(x, torch.tensor([1, 0])).sum().backward()
    assert x.grad is not None and x.grad.tolist() == [1.0, 0.0]


def test_nothing_to_average_is_an_error():
    with pytest.raises(ValueError, match="no real position"):
        masked_mean(X, torch.zeros_like(MASK))
    with pytest.raises(ValueError, match="no real position"):
        masked_mean(X, torch.tensor([[1, 0, 0], [0, 0, 0]]), dim=1)


@pytest.mark.usefixtures("as_at_run_time")
def test_broadcasting_is_refused():
    with pytest.raises(ValueError, match=r"x \(2, 3\), mask \(3,\)"):
        masked_mean(X, MASK[0])
