"""Advantages without a value model: what a response is compared with is other responses.

A group is the ``answers`` responses to one prompt, and the B rows of a batch are whole groups one after the other.
"""

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from salmon.core.gae import gae
from salmon.core.masked import ROUNDING


def leave_one_out(rewards: Float[Tensor, " B"], answers: int) -> Float[Tensor, " B"]:
    """RLOO: a response's reward less the mean reward of the others of its group, ``[B] -> [B]``.

    Ahmadian et al. 2024 (arXiv 2402.14740, section 4.1), with K responses to a prompt::

        A_i = R_i - 1 / (K - 1) * sum over j != i of R_j

    The baseline does not depend on the response itself, so the gradient stays unbiased. A group of equal rewards
    has advantages of exactly 0.
    """
    groups = _groups(rewards, answers)
    others = (groups.sum(1, keepdim=True) - groups) / (answers - 1)
    return _zero_where_equal(groups - others, groups)


def group_normalised(rewards: Float[Tensor, " B"], answers: int) -> Float[Tensor, " B"]:
    """GRPO: a response's reward in standard deviations from the mean of its group, ``[B] -> [B]``.

    Shao et al. 2024 (arXiv 2402.03300, section 4.1.2)::

        A_i = (R_i - mean(R_1 .. R_K)) / std(R_1 .. R_K)

    with the sample's standard deviation (divided by K - 1), as the common implementations take it. The paper gives a
    group of equal rewards no advantage; it is 0 here.
    """
    groups = _groups(rewards, answers)
    spread = torch.where(_are_equal(groups), 1.0, groups.std(1, keepdim=True))
    return _zero_where_equal((groups - groups.mean(1, keepdim=True)) / spread, groups)


def equal_groups(rewards: Float[Tensor, " B"], answers: int) -> Bool[Tensor, " P"]:
    """Which of the P groups hold one reward up to rounding: nothing can be learned from comparing their answers."""
    return _are_equal(_groups(rewards, answers))[:, 0]


def returns_to_go(rewards: Float[Tensor, "B R"], mask: Shaped[Tensor, "B R"], gamma: float) -> Float[Tensor, "B R"]:
    """The discounted sum of the rewards from each token on, ``[B, R]`` and 0 in padding.

    REINFORCE++ (Hu et al. 2025, arXiv 2501.03262) takes it, whitened over the whole batch, as the advantage::

        G_t = r_t + gamma * G_{t+1}

    It is GAE with values of 0 and lambda 1.
    """
    return gae(rewards, torch.zeros_like(rewards), mask, gamma, 1.0)[0]


def _groups(rewards: Float[Tensor, " B"], answers: int) -> Float[Tensor, "P K"]:
    if answers < 2:
        raise ValueError(f"a group of {answers} has nothing to compare")
    if len(rewards) % answers:
        raise ValueError(f"{len(rewards)} rewards are no whole groups of {answers}")
    return rewards.view(-1, answers)


def _are_equal(groups: Float[Tensor, "P K"]) -> Bool[Tensor, "P 1"]:
    spread = groups.amax(1, keepdim=True) - groups.amin(1, keepdim=True)
    return spread <= ROUNDING * groups.abs().amax(1, keepdim=True)


def _zero_where_equal(advantages: Float[Tensor, "P K"], groups: Float[Tensor, "P K"]) -> Float[Tensor, " B"]:
    return torch.where(_are_equal(groups), 0.0, advantages).flatten()
