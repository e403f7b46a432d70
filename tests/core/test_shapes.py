"""Every function of the arithmetic refuses, at run time too, what broadcasting would turn into a wrong number."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from salmon.core.gae import gae
from salmon.core.kl import kl_estimate, kl_loss
from salmon.core.masked import zero_outside
from salmon.core.ppo import explained_variance, policy_loss, value_loss
from salmon.core.preference import bradley_terry_loss, consistency_loss, dpo_loss, implicit_reward, pairwise_accuracy
from salmon.core.shaping import length_bonus, shaped_rewards

pytestmark = pytest.mark.usefixtures("as_at_run_time")

ROWS, TOKENS = torch.ones(3), torch.ones(3, 2)  # [B] and [B, R]
# A call, its tensors, and the name that the refusal begins with: the function's own check, not one further below.
CALLS: dict[str, tuple[Callable[..., object], tuple[Tensor, ...], str]] = {
    "bradley_terry_loss": (lambda *x: bradley_terry_loss(*x, 3), (ROWS,) * 2, "chosen"),
    "bradley_terry_loss with targets": (
        lambda chosen, rejected, target: bradley_terry_loss(chosen, rejected, 3, target),
        (ROWS,) * 3,
        "chosen",
    ),
    "consistency_loss": (lambda *x: consistency_loss(*x, 3), (ROWS,) * 2, "scores"),
    "dpo_loss": (lambda *x: dpo_loss(*x, 0.5, 3), (ROWS,) * 4, "logprobs"),
    "explained_variance": (explained_variance, (TOKENS,) * 3, "values"),
    "gae": (lambda *x: gae(*x, 1.0, 1.0), (TOKENS,) * 3, "rewards"),
    "implicit_reward": (lambda *x: implicit_reward(*x, 0.5), (ROWS,) * 2, "logprobs"),
    "kl_estimate": (lambda *x: kl_estimate(*x, "k1"), (TOKENS,) * 2, "logprobs"),
    "kl_loss": (lambda *x: kl_loss(*x, "k3", 6), (TOKENS,) * 3, "new"),
    "length_bonus": (
        lambda lengths, multipliers: length_bonus(lengths, 8, multipliers, 1.0, 1.0),
        (ROWS,) * 2,
        "lengths",
    ),
    "pairwise_accuracy": (pairwise_accuracy, (ROWS,) * 2, "chosen"),
    "policy_loss": (lambda *x: policy_loss(*x, 0.2, 6), (TOKENS,) * 4, "new"),
    "shaped_rewards": (lambda *x: shaped_rewards(*x, 0.1, 1.0, False), (ROWS, TOKENS, TOKENS), "(scores|kl)"),
    "value_loss": (lambda *x: value_loss(*x, 0.2, 6), (TOKENS,) * 4, "new"),
    "zero_outside": (zero_outside, (TOKENS,) * 2, "x"),
}


@pytest.mark.parametrize(("name", "place"), [(name, place) for name in CALLS for place in range(len(CALLS[name][1]))])
def test_each_argument_of_another_shape_is_refused(name: str, place: int) -> None:
    """The shapes are those that broadcast: a single row [1], [1, R], or a column [B, 1]."""
    function, arguments, first = CALLS[name]
    function(*arguments)
    right = arguments[place]
    for wrong in (right[:1], right[:, None] if right.ndim == 1 else right[:, :1]):
        with pytest.raises(ValueError, match=rf"^shapes differ: {first} \("):
            function(*(wrong if i == place else argument for i, argument in enumerate(arguments)))


def test_responses_of_one_token_are_no_special_case() -> None:
    one = torch.ones(3, 1)
    advantages, returns = gae(2 * one, one, one, 0.5, 0.5)
    assert advantages.tolist() == [[1.0]] * 3 and returns.tolist() == [[2.0]] * 3
    assert shaped_rewards(ROWS, one, one, 0.5, 2.0, False).tolist() == [[1.0]] * 3
