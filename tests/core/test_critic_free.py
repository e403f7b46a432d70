"""Advantages that compare responses with each other: worked out by hand, and what is nearly the same rejected."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest import approx

from salmon.core.critic_free import equal_groups, group_normalised, leave_one_out, returns_to_go
from salmon.core.masked import masked_whiten

# Two groups of three answers; those of the second are equal.
REWARDS = torch.tensor([1.0, 2.0, 6.0, 0.1, 0.1, 0.1])
# 1 - (2 + 6) / 2, 2 - (1 + 6) / 2, 6 - (1 + 2) / 2
RLOO = [-3.0, -1.5, 4.5, 0.0, 0.0, 0.0]
# Mean 3, deviations -2, -1, 3, sample variance (4 + 1 + 9) / 2 = 7; -2, -1 and 3 over its root 2.645751.
GRPO = [-0.755929, -0.377964, 1.133893, 0.0, 0.0, 0.0]

GROUPS = REWARDS.view(2, 3)
WRONG_RLOO = {
    "the mean has the response itself": GROUPS - GROUPS.mean(1, keepdim=True),
    "others of the batch": REWARDS - (REWARDS.sum() - REWARDS) / 5,
    "answers of a prompt are not side by side": leave_one_out(REWARDS.view(2, 3).T.flatten(), 3).view(3, 2).T,
}
WRONG_GRPO = {
    "standard deviation of a population": (GROUPS - GROUPS.mean(1, keepdim=True))
    / GROUPS.std(1, keepdim=True, correction=0),
    "standard deviation of the batch": (GROUPS - GROUPS.mean(1, keepdim=True)) / REWARDS.std(),
    "no guard where all are equal": (GROUPS - GROUPS.mean(1, keepdim=True)) / GROUPS.std(1, keepdim=True),
    "not divided": GROUPS - GROUPS.mean(1, keepdim=True),
}


def test_rloo_literals() -> None:
    assert leave_one_out(REWARDS, 3).tolist() == approx(RLOO)
    assert leave_one_out(torch.tensor([5.0, 2.0]), 2).tolist() == [3.0, -3.0]


def test_grpo_literals() -> None:
    assert group_normalised(REWARDS, 3).tolist() == approx(GRPO, abs=1e-6)
    assert group_normalised(torch.tensor([5.0, 2.0]), 2).tolist() == approx([0.5**0.5, -(0.5**0.5)])


@pytest.mark.parametrize("name", WRONG_RLOO)
def test_what_is_nearly_rloo_is_rejected(name: str) -> None:
    assert WRONG_RLOO[name].flatten().tolist() != approx(RLOO, abs=1e-3)


@pytest.mark.parametrize("name", WRONG_GRPO)
def test_what_is_nearly_grpo_is_rejected(name: str) -> None:
    assert WRONG_GRPO[name].flatten().tolist() != approx(GRPO, abs=1e-3)


@pytest.mark.parametrize("reward", [0.0, 0.1, -7.3, 1e6])
def test_a_group_of_equal_rewards_has_no_advantage_at_all(reward: float) -> None:
    """Exactly 0, where rounding would leave something that a division by the spread makes large."""
    rewards = torch.full((7,), reward)
    assert leave_one_out(rewards, 7).tolist() == group_normalised(rewards, 7).tolist() == [0.0] * 7
    assert equal_groups(rewards, 7).tolist() == [True]


def test_groups_of_equal_rewards_are_found() -> None:
    assert equal_groups(REWARDS, 3).tolist() == [False, True]
    assert equal_groups(REWARDS, 2).tolist() == [False, False, True]
    assert equal_groups(torch.tensor([1.0, 1.0 + 1e-7, 0.0, 1e-7]), 2).tolist() == [True, False], "up to rounding"


def random_groups(seed: int, answers: int) -> torch.Tensor:
    return torch.randn(4 * answers, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), answers=st.integers(2, 6), shift=st.floats(-5, 5), scale=st.floats(0.5, 5))
def test_what_an_advantage_depends_on(seed: int, answers: int, shift: float, scale: float) -> None:
    """Not on what all rewards have in common, nor (grpo) on their unit; of the others, on their own group alone."""
    rewards = random_groups(seed, answers)
    for estimate, factor in ((leave_one_out, scale), (group_normalised, 1.0)):
        advantages = estimate(rewards, answers)
        assert advantages.view(4, answers).sum(1).tolist() == approx([0.0] * 4, abs=1e-9)
        assert estimate(scale * rewards + shift, answers).tolist() == approx((factor * advantages).tolist(), abs=1e-9)
        last = rewards.clone()
        last[answers:] += torch.arange(3 * answers)
        assert estimate(last, answers)[:answers].equal(advantages[:answers])
        order = torch.randperm(answers, generator=torch.Generator().manual_seed(seed))
        shuffled = estimate(rewards.view(4, answers)[:, order].flatten(), answers)
        assert shuffled.tolist() == approx(advantages.view(4, answers)[:, order].flatten().tolist(), abs=1e-9)


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), answers=st.integers(2, 6))
def test_a_baseline_does_not_depend_on_the_response_itself(seed: int, answers: int) -> None:
    """Hence RLOO is unbiased: a reward that grows by 1 has an advantage that grows by 1."""
    rewards = random_groups(seed, answers)
    more = rewards.clone()
    more[0] += 1.0
    assert (leave_one_out(more, answers) - leave_one_out(rewards, answers))[0].item() == approx(1.0)


# gamma 1/2; padding holds rubbish. Row 1, backwards: 4, 2 + 4/2 = 4, 1 + 4/2 = 3.
TOKEN_REWARDS = torch.tensor([[1.0, 2.0, 4.0, 99.0], [3.0, 99.0, 99.0, 99.0]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]])
TO_GO = [[3.0, 4.0, 4.0, 0.0], [3.0, 0.0, 0.0, 0.0]]
# Without discount 7, 6, 4 and 3: mean 5, variance (4 + 1 + 1 + 4) / 4 = 2.5.
REINFORCE_PP = [[1.264911, 0.632456, -0.632456, 0.0], [-1.264911, 0.0, 0.0, 0.0]]


def test_rewards_to_come_literals() -> None:
    assert returns_to_go(TOKEN_REWARDS, MASK, 0.5).tolist() == TO_GO
    whitened = masked_whiten(returns_to_go(TOKEN_REWARDS, MASK, 1.0), MASK, shift_mean=True)
    assert whitened.numpy() == approx(torch.tensor(REINFORCE_PP).numpy(), abs=1e-6)


def test_what_is_nearly_reinforce_pp_is_rejected() -> None:
    to_go, real = returns_to_go(TOKEN_REWARDS, MASK, 1.0), MASK.bool()
    assert returns_to_go(TOKEN_REWARDS, MASK, 1.0).tolist() != TO_GO, "no discount"
    assert returns_to_go(TOKEN_REWARDS, torch.ones_like(MASK), 0.5).tolist() != TO_GO, "padding is rewarded"
    by_row = (to_go - to_go.sum(1, keepdim=True) / MASK.sum(1, keepdim=True))[real] / to_go[real].std(correction=0)
    unmasked = ((to_go - to_go.mean()) / to_go.std(correction=0))[real]
    rewards = masked_whiten(TOKEN_REWARDS, MASK, shift_mean=True)[real]
    for wrong in (by_row, unmasked, rewards):
        assert wrong.tolist() != approx(torch.tensor(REINFORCE_PP)[real].tolist(), abs=1e-3)


@pytest.mark.parametrize("estimate", [leave_one_out, group_normalised, equal_groups])
def test_refusals(estimate) -> None:
    with pytest.raises(ValueError, match="a group of 1 has nothing to compare"):
        estimate(REWARDS, 1)
    with pytest.raises(ValueError, match="6 rewards are no whole groups of 4"):
        estimate(REWARDS, 4)
