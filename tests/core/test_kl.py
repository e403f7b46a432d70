import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.kl import kl_estimate, kl_loss, next_kl_coefficient

# Token 1: the policy gives 1/2, the reference 1/4, d = ln 2 = 0.693147. Token 2: the reverse, d = -ln 2.
LOGPROBS = torch.tensor([[0.5, 0.25]], dtype=torch.float64).log()
REF_LOGPROBS = torch.tensor([[0.25, 0.5]], dtype=torch.float64).log()
LITERALS = {
    "k1": [0.693147, -0.693147],
    "k2": [0.240227, 0.240227],  # 0.693147^2 / 2
    "k3": [0.193147, 0.306853],  # 1/2 - 1 + 0.693147; 2 - 1 - 0.693147
}
MUTANTS = {
    "k1": lambda d: d.clamp(min=0),  # as in the original
    "k2": lambda d: d**2,  # without the half
    "k3": lambda d: d.exp() - 1 - d,  # the ratio turned over
}


@pytest.mark.parametrize("estimator", LITERALS)
def test_estimator_literals(estimator):
    values = kl_estimate(LOGPROBS, REF_LOGPROBS, estimator)[0].tolist()
    assert values == approx(LITERALS[estimator], abs=1e-6)


@pytest.mark.parametrize("estimator", MUTANTS)
def test_wrong_estimators_are_rejected(estimator):
    wrong = MUTANTS[estimator](LOGPROBS - REF_LOGPROBS)[0].tolist()
    assert wrong != approx(LITERALS[estimator], abs=1e-6)


# The two tokens above, one of 40 nats to check the exponential, and padding that would overflow.
LOSS_NEW = torch.cat([LOGPROBS, torch.tensor([[-5.0, 0.0]])], 1)
LOSS_REF = torch.cat([REF_LOGPROBS, torch.tensor([[-45.0, 1000.0]])], 1)
LOSS_MASK = torch.tensor([[1, 1, 1, 0]])


def test_kl_loss_literals_and_its_gradient():
    """k3: (0.193147 + 0.306853 + 39) / 3. d k3 / d new = 1 - exp(ref - new): 1 - 1/2, 1 - 2, 1; over 3."""
    new = LOSS_NEW.clone().requires_grad_()
    loss = kl_loss(new, LOSS_REF, LOSS_MASK, "k3", 3)
    assert loss.item() == approx(39.5 / 3)
    loss.backward()
    assert new.grad[0].tolist() == approx([0.5 / 3, -1 / 3, 1 / 3, 0.0])
    weights = torch.tensor([[2.0, 0.0, 1.0, 5.0]])
    assert kl_loss(LOSS_NEW, LOSS_REF, LOSS_MASK, "k3", 3, weights).item() == approx((2 * 0.193147 + 39) / 3, abs=1e-6)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_gradient_of_k1_is_0_on_average_and_that_of_k2_is_the_kls(seed):
    """Over the policy's own distribution of six tokens: why a KL in the loss refuses k1."""
    generator = torch.Generator().manual_seed(seed)
    logits, reference = torch.randn(2, 1, 6, generator=generator, dtype=torch.float64)

    def gradient(estimator):
        free = logits.clone().requires_grad_()
        new, weights = free.log_softmax(-1), logits.softmax(-1)
        kl_loss(new, reference.log_softmax(-1), torch.ones(1, 6), estimator, 1, weights).backward()
        return free.grad[0]

    exact = logits.clone().requires_grad_()
    (exact.softmax(-1) * (exact.log_softmax(-1) - reference.log_softmax(-1))).sum().backward()
    assert gradient("k2").tolist() == approx(exact.grad[0].tolist(), abs=1e-9)
    assert gradient("k1").tolist() == approx([0.0] * 6, abs=1e-9)
    assert gradient("k3").norm() > 1e-3 * exact.grad.norm()


@settings(deadline=None)
@given(seed=st.integers(0, 10_000))
def test_k1_and_k3_are_unbiased(seed):
    """Averaged over the policy's own distribution they give the exact KL; clamping k1 does not."""
    generator = torch.Generator().manual_seed(seed)
    policy, reference = torch.randn(2, 1, 6, generator=generator, dtype=torch.float64).log_softmax(-1)
    exact = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=policy), torch.distributions.Categorical(logits=reference)
    ).item()
    for estimator in ("k1", "k3"):
        estimate = (policy.exp() * kl_estimate(policy, reference, estimator)).sum().item()
        assert estimate == approx(exact, abs=1e-9)
    clamped = (policy.exp() * kl_estimate(policy, reference, "k1").clamp(min=0)).sum().item()
    assert clamped != approx(exact, abs=1e-9)


@settings(deadline=None)
@given(difference=st.floats(-20, 20))
def test_signs(difference):
    logprobs, reference = torch.tensor([[difference]], dtype=torch.float64), torch.zeros(1, 1).double()
    assert kl_estimate(logprobs, reference, "k1").item() == difference  # below 0 where the reference wins
    assert kl_estimate(logprobs, reference, "k2").item() >= 0
    assert kl_estimate(logprobs, reference, "k3").item() >= 0


@pytest.mark.parametrize("estimator", LITERALS)
def test_equal_models_have_no_kl(estimator):
    assert kl_estimate(LOGPROBS, LOGPROBS, estimator).eq(0).all()


@pytest.mark.usefixtures("as_at_run_time")
def test_estimator_refusals():
    with pytest.raises(ValueError, match="k4"):
        kl_estimate(LOGPROBS, REF_LOGPROBS, "k4")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shapes differ"):
        kl_estimate(LOGPROBS, REF_LOGPROBS[0], "k1")


# Coefficient 0.2, target 6, horizon 10000, 500 responses: the factor is 1 + error * 0.05.
COEFFICIENTS = {
    6.0: 0.2,  # error 0
    6.6: 0.201,  # error 0.1: 0.2 * 1.005
    5.4: 0.199,  # error -0.1: 0.2 * 0.995
    9.0: 0.202,  # error 0.5, clipped to 0.2: 0.2 * 1.01
    0.0: 0.198,  # error -1, clipped to -0.2: 0.2 * 0.99
    -3.0: 0.198,  # k1 may be negative
}


def test_adaptive_coefficient_literals():
    for observed, expected in COEFFICIENTS.items():
        assert next_kl_coefficient(0.2, observed, 6.0, 10_000, 500) == approx(expected)


def test_a_controller_that_forgets_the_number_of_responses_is_rejected():
    values = [next_kl_coefficient(0.2, observed, 6.0, 10_000, 1) for observed in COEFFICIENTS]
    assert values != approx(list(COEFFICIENTS.values()))


@settings(deadline=None)
@given(kl=st.floats(-100, 1e6), n=st.integers(1, 4999))
def test_coefficient_stays_positive(kl, n):
    assert next_kl_coefficient(0.01, kl, 6.0, 1000.0, n) > 0


@pytest.mark.usefixtures("as_at_run_time")
def test_controller_refusals():
    with pytest.raises(ValueError, match="horizon 100 must exceed 0.2 x 500"):
        next_kl_coefficient(0.2, 6.0, 6.0, 100, 500)
    with pytest.raises(ValueError, match="target must be positive"):
        next_kl_coefficient(0.2, 6.0, 0.0, 10_000, 500)
    for horizon in (0, -1):
        with pytest.raises(ValueError, match="horizon must be positive"):
            next_kl_coefficient(0.2, 6.0, 6.0, horizon, 500)
    with pytest.raises(ValueError, match="observed KL is nan"):
        next_kl_coefficient(0.2, math.nan, 6.0, 10_000, 500)
