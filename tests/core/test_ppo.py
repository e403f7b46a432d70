import math
from dataclasses import asdict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.ppo import entropy, explained_variance, policy_loss, response_weights, value_loss

CLIP = 0.2
# One token a column; the last one is padding.
#   ratio  A     unclipped -A * ratio   clipped -A * clip(ratio, 0.8, 1.2)   loss = max   clipped?
#   1.5    1     -1.5                   -1.2                                 -1.2         yes
#   0.5    2     -1.0                   -1.6                                 -1.0         no
#   1.5   -1      1.5                    1.2                                  1.5         no
#   0.5   -3      1.5                    2.4                                  2.4         yes
#   1.1    4     -4.4                   -4.4                                 -4.4         no
#   2.0    3     -6.0                   -3.6                                 -3.6         yes
RATIOS = torch.tensor([[1.5, 0.5, 1.5, 0.5, 1.1, 2.0, 30.0]], dtype=torch.float64)
ADVANTAGES = torch.tensor([[1.0, 2.0, -1.0, -3.0, 4.0, 3.0, -50.0]], dtype=torch.float64)
MASK = torch.tensor([[1, 1, 1, 1, 1, 1, 0]])
TOKEN_LOSSES = [-1.2, -1.0, 1.5, 2.4, -4.4, -3.6]
OLD = torch.full_like(RATIOS, -2.0)
NEW = OLD + RATIOS.log()


def token_losses(loss_function, *batch):
    """Each real token's loss, from a mask that keeps this token alone."""
    tokens = range(int(MASK.sum()))
    masks = [torch.nn.functional.one_hot(torch.tensor([t]), MASK.shape[1]) for t in tokens]
    return [loss_function(*batch, mask).item() for mask in masks]


def surrogate(new, old, advantages, mask):
    return policy_loss(new, old, advantages, mask, CLIP, 1)[0]


def test_policy_loss_literals():
    assert token_losses(surrogate, NEW, OLD, ADVANTAGES) == approx(TOKEN_LOSSES)
    loss, stats = policy_loss(NEW, OLD, ADVANTAGES, MASK, CLIP, 6)
    assert loss.item() == approx(-1.05)  # (-1.2 - 1.0 + 1.5 + 2.4 - 4.4 - 3.6) / 6 = -6.3 / 6
    assert stats.loss.item() == approx(-1.05)
    assert stats.clip_fraction.item() == approx(0.5)  # 3 of 6
    assert stats.ratio.item() == approx(7.1 / 6)  # 1.5 + 0.5 + 1.5 + 0.5 + 1.1 + 2.0 = 7.1
    # k3 = ratio - 1 - ln ratio: 1.5: 0.094535, 0.5: 0.193147, 1.1: 0.004690, 2: 0.306853;
    # (2 * 0.094535 + 2 * 0.193147 + 0.004690 + 0.306853) / 6 = 0.886907 / 6 = 0.147818
    assert stats.approx_kl.item() == approx(0.147818, abs=1e-6)


def test_the_smaller_of_both_policy_losses_is_rejected():
    unclipped, clipped = -ADVANTAGES * RATIOS, -ADVANTAGES * RATIOS.clamp(1 - CLIP, 1 + CLIP)
    assert torch.maximum(unclipped, clipped)[0, :6].tolist() == approx(TOKEN_LOSSES)
    assert torch.minimum(unclipped, clipped)[0, :6].tolist() != approx(TOKEN_LOSSES)


def test_policy_gradient():
    new = NEW.clone().requires_grad_()
    policy_loss(new, OLD, ADVANTAGES, MASK, CLIP, 6)[0].backward()
    # d(-A * ratio)/d(new) = -A * ratio where unclipped, 0 where clipped or padding; divided by 6.
    assert new.grad is not None
    assert new.grad[0].tolist() == approx([0.0, -1.0 / 6, 1.5 / 6, 0.0, -4.4 / 6, 0.0, 0.0])


# A response of four tokens and one of two, with losses 1, 2, 3, 6 (mean 3) and 5, 7 (mean 6); the last are padding.
ROWS_MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
ROWS_ADVANTAGES = -torch.tensor([[1.0, 2.0, 3.0, 6.0], [5.0, 7.0, 90.0, 90.0]])


def test_weights_of_responses_literals():
    weights = response_weights(ROWS_MASK, num_tokens=6, num_responses=2)
    assert weights.tolist() == [[0.75] * 4, [1.5, 1.5, 0.0, 0.0]]  # 6 / (2 * 4) and 6 / (2 * 2)
    assert weights.sum().item() == 6.0
    still = torch.zeros(2, 4)
    loss, stats = policy_loss(still, still, ROWS_ADVANTAGES, ROWS_MASK, CLIP, 6, weights)
    assert loss.item() == stats.loss.item() == approx(4.5)  # (3 + 6) / 2
    assert policy_loss(still, still, ROWS_ADVANTAGES, ROWS_MASK, CLIP, 6)[0].item() == approx(4.0), "24 / 6: of tokens"
    moved = still + torch.tensor([[0.0], [math.log(1.1)]])
    assert policy_loss(moved, still, ROWS_ADVANTAGES, ROWS_MASK, CLIP, 6, weights)[1].ratio.item() == approx(6.2 / 6)


def test_before_the_first_update():
    new = OLD.clone().requires_grad_()
    loss, stats = policy_loss(new, OLD, ADVANTAGES, MASK, CLIP, 6)
    assert stats.approx_kl.item() == 0 and stats.clip_fraction.item() == 0 and stats.ratio.item() == 1
    assert loss.item() == approx(-1.0)  # -(1 + 2 - 1 - 3 + 4 + 3) / 6
    loss.backward()
    assert new.grad is not None
    assert new.grad[0].tolist() == approx([-1 / 6, -1 / 3, 1 / 6, 0.5, -2 / 3, -0.5, 0.0])  # -A / 6


# Old value 0, range 0.2, so the value counts as at most 0.2 away.
#   new   return   (new - return)^2   (clipped - return)^2    0.5 * max   clipped?
#    1.0   2.0     1.0                (0.2 - 2)^2 = 3.24      1.62        yes
#    1.0   0.0     1.0                0.2^2 = 0.04            0.5         no
#   -1.0  -3.0     4.0                (-0.2 + 3)^2 = 7.84     3.92        yes
#    0.1   0.5     0.16               0.16                    0.08        no
#   -0.1   0.0     0.01               0.01                    0.005       no
#    0.5   0.9     0.16               0.7^2 = 0.49            0.245       yes
NEW_VALUES = torch.tensor([[1.0, 1.0, -1.0, 0.1, -0.1, 0.5, 9.0]], dtype=torch.float64)
RETURNS = torch.tensor([[2.0, 0.0, -3.0, 0.5, 0.0, 0.9, -9.0]], dtype=torch.float64)
OLD_VALUES = torch.tensor([[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 5.0]], dtype=torch.float64)
TOKEN_VALUE_LOSSES = [1.62, 0.5, 3.92, 0.08, 0.005, 0.245]


def squared_error(new, old, returns, mask):
    return value_loss(new, old, returns, mask, CLIP, 1)[0]


def test_value_loss_literals():
    assert token_losses(squared_error, NEW_VALUES, OLD_VALUES, RETURNS) == approx(TOKEN_VALUE_LOSSES)
    loss, stats = value_loss(NEW_VALUES, OLD_VALUES, RETURNS, MASK, CLIP, 7)
    assert loss.item() == approx(0.91)  # (1.62 + 0.5 + 3.92 + 0.08 + 0.005 + 0.245) / 7 = 6.37 / 7
    assert stats.loss.item() == approx(0.91)
    assert stats.clip_fraction.item() == approx(3 / 7)  # num_tokens divides, not the 6 tokens given
    assert stats.error.item() == approx(0.7)  # (1 + 1 + 2 + 0.4 + 0.1 + 0.4) / 7 = 4.9 / 7


def test_a_value_loss_without_clipping_is_rejected():
    assert token_losses(lambda *batch: value_loss(*batch, 1e9, 1)[0], NEW_VALUES, OLD_VALUES, RETURNS) != approx(
        TOKEN_VALUE_LOSSES
    )


def test_value_gradient():
    new = NEW_VALUES.clone().requires_grad_()
    value_loss(new, OLD_VALUES, RETURNS, MASK, CLIP, 6)[0].backward()
    # new - return where unclipped, 0 where clipped or padding; divided by 6.
    assert new.grad is not None
    assert new.grad[0].tolist() == approx([0.0, 1.0 / 6, 0.0, -0.4 / 6, -0.1 / 6, 0.0, 0.0])


def random_batch(seed, dtype=torch.float64):
    """(policy arguments, value arguments, mask) of 6 rows and 5 columns."""
    generator = torch.Generator().manual_seed(seed)
    tensors = torch.randn(6, 6, 5, generator=generator, dtype=dtype)
    new, old, advantages, new_values, old_values, returns = tensors
    mask = torch.arange(5) < torch.randint(1, 6, (6, 1), generator=generator)
    return (new, old, advantages), (new_values, old_values, returns), mask


def results(policy, value, mask, num_tokens):
    """Both losses and every statistic, by name."""
    policy_result, policy_stats = policy_loss(*policy, mask, CLIP, num_tokens)
    value_result, value_stats = value_loss(*value, mask, CLIP, num_tokens)
    named = {"policy": policy_result, "value": value_result}
    named |= {f"policy/{key}": stat for key, stat in asdict(policy_stats).items()}
    named |= {f"value/{key}": stat for key, stat in asdict(value_stats).items()}
    return {key: tensor.item() for key, tensor in named.items()}


def rows(index, policy, value, mask):
    return [x[index] for x in policy], [x[index] for x in value], mask[index]


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 5))
def test_micro_batches_add_up_to_the_batch(seed, size):
    policy, value, mask = random_batch(seed)
    num_tokens = int(mask.sum())
    whole = results(policy, value, mask, num_tokens)
    parts = [results(*rows(slice(i, i + size), policy, value, mask), num_tokens) for i in range(0, 6, size)]
    assert {key: sum(part[key] for part in parts) for key in whole} == approx(whole)


def test_mean_of_micro_batch_means_is_rejected():
    """The usual mistake: each micro-batch divided by its own tokens, then averaged."""
    policy, value, mask = random_batch(0)
    whole = results(policy, value, mask, int(mask.sum()))
    parts = [results(*rows(half, policy, value, mask), int(mask[half].sum())) for half in (slice(3), slice(3, 6))]
    assert {key: sum(part[key] for part in parts) / 2 for key in whole} != approx(whole)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), padding=st.integers(1, 4), rubbish=st.sampled_from([math.nan, math.inf, 1e3]))
def test_padding_and_row_order_change_nothing(seed, padding, rubbish):
    policy, value, mask = random_batch(seed)
    num_tokens = int(mask.sum())
    whole = results(policy, value, mask, num_tokens)

    def pad(x):
        return torch.cat([x.masked_fill(~mask, rubbish), torch.full((6, padding), rubbish)], 1)

    wider = torch.cat([mask, torch.zeros(6, padding, dtype=torch.bool)], 1)
    assert results([pad(x) for x in policy], [pad(x) for x in value], wider, num_tokens) == approx(whole)

    order = torch.randperm(6, generator=torch.Generator().manual_seed(seed))
    assert results(*rows(order, policy, value, mask), num_tokens) == approx(whole)


@pytest.mark.parametrize("rubbish", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("loss_function", [policy_loss, value_loss])
def test_rubbish_in_padding_has_no_gradient(rubbish, loss_function):
    real = torch.tensor([[0.1, 0.2, rubbish]])
    new = real.clone().requires_grad_()
    loss_function(new, -real, -real, torch.tensor([[1, 1, 0]]), CLIP, 2)[0].backward()
    assert new.grad is not None and new.grad.isfinite().all() and new.grad[0, 2] == 0


def test_small_steps_are_never_clipped():
    """Exactly none of 1000 float32 tokens: rounding must not count as clipping."""
    generator = torch.Generator().manual_seed(0)
    new, old, returns = 0.19 * torch.rand(3, 1, 1000, generator=generator) - 0.095
    mask = torch.ones(1, 1000)
    assert value_loss(new, old, returns, mask, CLIP, 1)[1].clip_fraction.item() == 0
    assert policy_loss(new, old, returns, mask, 0.25, 1)[1].clip_fraction.item() == 0  # ratio < e^0.19 = 1.21
    near_old = old + (new - old).clamp(-CLIP, CLIP)  # mutant: the same in real numbers
    assert ((near_old - returns) ** 2 > (new - returns) ** 2).any()


@pytest.mark.parametrize("loss_function", [policy_loss, value_loss])
def test_only_the_new_model_is_trained(loss_function):
    new, old, target = (torch.full((1, 2), value, requires_grad=True) for value in (0.1, 0.2, 0.3))
    loss, stats = loss_function(new, old, target, torch.ones(1, 2), CLIP, 2)
    loss.backward()
    assert new.grad is not None and old.grad is None and target.grad is None
    assert not any(stat.requires_grad for stat in vars(stats).values())


@pytest.mark.parametrize("loss_function", [policy_loss, value_loss])
@pytest.mark.usefixtures("as_at_run_time")
def test_loss_refusals(loss_function):
    x = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"new \(2, 3\), old \(3,\)"):
        loss_function(x, x[0], x, x, CLIP, 6)
    with pytest.raises(ValueError, match="num_tokens must be positive, not 0"):
        loss_function(x, x, x, x, CLIP, 0)


def test_entropy_literals():
    # Probabilities (1/2, 1/4, 1/4, 0): ln 2 / 2 + 2 * ln 4 / 4 = 1.5 ln 2 = 1.039721.
    # Uniform over 4: ln 4 = 1.386294.
    logits = torch.tensor([[0.5, 0.25, 0.25, 0.0], [1.0, 1.0, 1.0, 1.0]], dtype=torch.float64).log()
    assert entropy(logits).tolist() == approx([1.039721, 1.386294], abs=1e-6)
    assert entropy(logits + 7).tolist() == approx([1.039721, 1.386294], abs=1e-6)  # logits, not log-probs
    assert entropy(torch.zeros(2, 3, 4, dtype=torch.bfloat16)).shape == (2, 3)
    assert entropy(torch.zeros(4, dtype=torch.bfloat16)).item() == approx(1.386294, abs=1e-6)
    fine = torch.tensor([0.0, 1e-10], dtype=torch.float64)  # float32 has no 1 + 1e-10
    assert entropy(fine).dtype == torch.float64
    in_bits = entropy(logits) / math.log(2)
    assert in_bits.tolist() != approx([1.039721, 1.386294], abs=1e-6)


# Returns 1, 2, 3 (mean 2, variance 2/3); values 1, 2, 5; residuals 0, 0, -2 (mean -2/3,
# variance (4/9 + 4/9 + 16/9) / 3 = 8/9). 1 - (8/9) / (2/3) = -1/3.
EV_VALUES = torch.tensor([[1.0, 2.0, 5.0, 40.0]], dtype=torch.float64)
EV_RETURNS = torch.tensor([[1.0, 2.0, 3.0, -60.0]], dtype=torch.float64)
EV_MASK = torch.tensor([[1, 1, 1, 0]])


def test_explained_variance_literals():
    assert explained_variance(EV_VALUES, EV_RETURNS, EV_MASK).item() == approx(-1 / 3)
    assert explained_variance(EV_RETURNS, EV_RETURNS, EV_MASK).item() == 1
    assert explained_variance(0 * EV_VALUES, EV_RETURNS, EV_MASK).item() == approx(0, abs=1e-12)


def test_wrong_explained_variances_are_rejected():
    unmasked = explained_variance(EV_VALUES, EV_RETURNS, torch.ones_like(EV_MASK))
    swapped = explained_variance(EV_RETURNS, EV_VALUES, EV_MASK)
    uncentred = 1 - ((EV_RETURNS - EV_VALUES)[0, :3] ** 2).mean() / (2 / 3)
    for wrong in (unmasked, swapped, uncentred):
        assert wrong.item() != approx(-1 / 3)


@pytest.mark.parametrize("constant", [0.0, 0.1, -6.0])
def test_constant_returns_explain_nothing(constant):
    values = torch.tensor([[1.0, 2.0, 3.0]])
    assert explained_variance(values, torch.full((1, 3), constant), torch.ones(1, 3)).item() == 0
