import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.preference import bradley_terry_loss, consistency_loss, dpo_loss, implicit_reward, pairwise_accuracy

# chosen - rejected = ln 3: sigmoid 3/4, loss -ln 0.75 = 0.287682.
# -ln 3: sigmoid 1/4, loss -ln 0.25 = 1.386294. 0: sigmoid 1/2, loss ln 2 = 0.693147.
CHOSEN = torch.tensor([3.0, 1.0, 5.0], dtype=torch.float64).log()
REJECTED = torch.tensor([1.0, 3.0, 5.0], dtype=torch.float64).log()
ROW_LOSSES = [0.287682, 1.386294, 0.693147]


def row_losses(loss_function):
    return [loss_function(CHOSEN[i : i + 1], REJECTED[i : i + 1], 1).item() for i in range(3)]


def test_loss_literals():
    assert row_losses(bradley_terry_loss) == approx(ROW_LOSSES, abs=1e-6)
    # (0.287682 + 1.386294 + 0.693147) / 4 = 2.367123 / 4: num_rows divides, not the rows given
    assert bradley_terry_loss(CHOSEN, REJECTED, 4).item() == approx(0.591781, abs=1e-6)


def test_a_pair_turned_round_is_rejected():
    assert row_losses(lambda chosen, rejected, n: bradley_terry_loss(rejected, chosen, n)) != approx(
        ROW_LOSSES, abs=1e-6
    )


def test_targets_mix_the_losses_of_both_directions():
    target = torch.tensor([1.0, 0.25, 0.5], dtype=torch.float64)
    # 0.287682; 1/4 x 1.386294 + 3/4 x 0.287682 = 0.562335; ln 2 = 0.693147
    for i, expected in enumerate([0.287682, 0.562335, 0.693147]):
        row = slice(i, i + 1)
        assert bradley_terry_loss(CHOSEN[row], REJECTED[row], 1, target[row]).item() == approx(expected, abs=1e-6)
    assert bradley_terry_loss(CHOSEN, REJECTED, 4, target).item() == approx((0.287682 + 0.562335 + 0.693147) / 4)
    ones, zeros = torch.ones_like(target), torch.zeros_like(target)
    assert bradley_terry_loss(CHOSEN, REJECTED, 3, ones) == bradley_terry_loss(CHOSEN, REJECTED, 3)
    assert bradley_terry_loss(CHOSEN, REJECTED, 3, zeros) == bradley_terry_loss(REJECTED, CHOSEN, 3)


def test_a_tie_pulls_both_scores_together():
    """The loss of a tie is least at margin 0, where its gradient is 0, and is the same for either order."""
    half = torch.tensor([0.5], dtype=torch.float64)
    for margin in (-2.0, 0.0, 2.0):
        chosen = torch.tensor([margin], dtype=torch.float64, requires_grad=True)
        bradley_terry_loss(chosen, torch.zeros_like(half), 1, half).backward()
        # sigmoid(margin) - 1/2
        assert chosen.grad is not None and chosen.grad.item() == approx(torch.sigmoid(chosen).item() - 0.5)
    assert torch.isfinite(bradley_terry_loss(1e4 * half, -1e4 * half, 1, half))


def test_consistency_literals():
    scores, reworded = torch.tensor([1.0, -2.0, 0.5]), torch.tensor([3.0, -2.0, 1.0])
    assert consistency_loss(scores, reworded, 3).item() == approx((4.0 + 0.0 + 0.25) / 3)
    assert consistency_loss(scores, reworded, 6).item() == approx(4.25 / 6)  # num_scores divides, not those given
    assert consistency_loss(reworded, scores, 3) == consistency_loss(scores, reworded, 3)
    assert consistency_loss(scores[:0], reworded[:0], 3).item() == 0
    with pytest.raises(ValueError, match="num_scores must be positive"):
        consistency_loss(scores, reworded, 0)


def test_gradient_raises_the_chosen_score():
    chosen, rejected = CHOSEN.clone().requires_grad_(), REJECTED.clone().requires_grad_()
    bradley_terry_loss(chosen, rejected, 3).backward()
    # d/d(chosen) = -(1 - sigmoid(chosen - rejected)) / 3: 1 - 3/4, 1 - 1/4, 1 - 1/2
    assert chosen.grad is not None and rejected.grad is not None
    assert chosen.grad.tolist() == approx([-0.25 / 3, -0.75 / 3, -0.5 / 3])
    assert rejected.grad.tolist() == approx([0.25 / 3, 0.75 / 3, 0.5 / 3])


@pytest.mark.parametrize("margin", [-1e4, 1e4])
def test_extreme_margins_stay_finite(margin):
    loss = bradley_terry_loss(torch.tensor([margin]), torch.tensor([0.0]), 1).item()
    assert loss == approx(max(-margin, 0.0))


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), cut=st.integers(1, 6))
def test_micro_batches_add_up_and_row_order_is_irrelevant(seed, cut):
    generator = torch.Generator().manual_seed(seed)
    chosen, rejected = torch.randn(2, 7, generator=generator, dtype=torch.float64)
    whole = bradley_terry_loss(chosen, rejected, 7).item()
    first = bradley_terry_loss(chosen[:cut], rejected[:cut], 7)
    second = bradley_terry_loss(chosen[cut:], rejected[cut:], 7)
    assert (first + second).item() == approx(whole)
    order = torch.randperm(7, generator=generator)
    assert bradley_terry_loss(chosen[order], rejected[order], 7).item() == approx(whole)
    assert pairwise_accuracy(chosen, rejected) + pairwise_accuracy(rejected, chosen) == approx(1)


def test_accuracy_literals():
    chosen, rejected = torch.tensor([2.0, 1.0, 1.0, 3.0]), torch.tensor([1.0, 2.0, 1.0, 0.0])
    expected = 0.625  # (1 + 0 + 1/2 + 1) / 4
    assert pairwise_accuracy(chosen, rejected).item() == approx(expected)
    assert (chosen > rejected).float().mean().item() != approx(expected)  # mutant: a tie is wrong
    assert (chosen >= rejected).float().mean().item() != approx(expected)  # mutant: a tie is right
    assert pairwise_accuracy(rejected, chosen).item() != approx(expected)  # mutant: sign


# --- DPO ---------------------------------------------------------------------------------------

# beta 1/2. Pair 1: policy moved the chosen by ln 9 - ln 1, the rejected not: 1/2 x ln 9 = ln 3, loss -ln 3/4.
# Pair 2: chosen not, rejected by ln 9: -ln 3, loss -ln 1/4. Pair 3: both by ln 5: 0, loss ln 2.
# The log-probs themselves say the contrary in pair 1 and 2: only the change counts.
LOGPROBS = [
    torch.tensor(column, dtype=torch.float64).log()
    for column in (
        [0.09, 0.5, 0.25],  # chosen
        [0.5, 0.09, 0.5],  # rejected
        [0.01, 0.5, 0.05],  # chosen, reference
        [0.5, 0.01, 0.1],  # rejected, reference
    )
]


def dpo_row_losses(loss_function):
    return [loss_function(*(column[i : i + 1] for column in LOGPROBS), 0.5, 1).item() for i in range(3)]


def test_dpo_literals():
    assert dpo_row_losses(dpo_loss) == approx(ROW_LOSSES, abs=1e-6)
    assert dpo_loss(*LOGPROBS, 0.5, 4).item() == approx(0.591781, abs=1e-6)  # as above: num_rows divides
    assert dpo_loss(LOGPROBS[2], LOGPROBS[3], LOGPROBS[2], LOGPROBS[3], 0.5, 3).item() == approx(0.693147, abs=1e-6)
    chosen, rejected = implicit_reward(LOGPROBS[0], LOGPROBS[2], 0.5), implicit_reward(LOGPROBS[1], LOGPROBS[3], 0.5)
    assert chosen.tolist() == approx([1.098612, 0.0, 0.804719], abs=1e-6)  # ln 3, 0, ln(5) / 2
    assert rejected.tolist() == approx([0.0, 1.098612, 0.804719], abs=1e-6)
    assert pairwise_accuracy(chosen[:2], rejected[:2]).item() == 0.5


def test_dpo_with_its_references_exchanged_is_rejected():
    def exchanged(chosen, rejected, ref_chosen, ref_rejected, beta, n):
        return dpo_loss(chosen, rejected, ref_rejected, ref_chosen, beta, n)

    assert dpo_row_losses(exchanged) != approx(ROW_LOSSES, abs=1e-3)


def test_dpo_gradient():
    chosen, rejected = LOGPROBS[0].clone().requires_grad_(), LOGPROBS[1].clone().requires_grad_()
    dpo_loss(chosen, rejected, LOGPROBS[2], LOGPROBS[3], 0.5, 3).backward()
    # equation 7's: -beta x (1 - sigmoid) / 3 for the chosen, with sigmoid 3/4, 1/4, 1/2
    assert chosen.grad is not None and rejected.grad is not None
    assert chosen.grad.tolist() == approx([-0.125 / 3, -0.375 / 3, -0.25 / 3])
    assert rejected.grad.tolist() == approx([0.125 / 3, 0.375 / 3, 0.25 / 3])


@pytest.mark.usefixtures("as_at_run_time")
def test_dpo_refusals():
    with pytest.raises(ValueError, match="shapes differ"):
        dpo_loss(LOGPROBS[0], LOGPROBS[1], LOGPROBS[2][:, None], LOGPROBS[3], 0.5, 3)
    with pytest.raises(ValueError, match="beta must be positive"):
        dpo_loss(*LOGPROBS, 0.0, 3)


@pytest.mark.usefixtures("as_at_run_time")
def test_refusals():
    with pytest.raises(ValueError, match=r"chosen \(3,\), rejected \(3, 1\)"):  # would broadcast to 3 x 3
        bradley_terry_loss(CHOSEN, REJECTED[:, None], 3)
    with pytest.raises(ValueError, match="num_rows must be positive"):
        bradley_terry_loss(CHOSEN, REJECTED, 0)
    with pytest.raises(ValueError, match="num_pairs must be positive"):
        pairwise_accuracy(torch.empty(0), torch.empty(0))
