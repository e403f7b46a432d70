"""PPO's models as adapters on one base: policy, reference, reward, and value where it is used (PAPER.md 2.0)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from salmon.config.ppo import ValueInit
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.heads import Head, ScalarHead, load_scalar_model
from salmon.models.stacked_adapters import stackable

POLICY, REFERENCE, VALUE, REWARD = "policy", "reference", "value", "reward"


@dataclass(frozen=True)
class PPOModels:
    """Policy and reference start as the same SFT adapter; the value model starts with the reward model's."""

    shared: SharedModel
    value_head: ScalarHead | None  # None: there is no value model
    reward_head: Head

    def layers(self, role: str) -> int | None:
        """How many of the base's layers policy, reference or value model runs through; None is all."""
        return self.value_head.layers if role == VALUE and self.value_head is not None else None

    def passes(self, roles: Sequence[str], one_pass: bool) -> list[list[str]]:
        """Groups of roles that read tokens in one pass over the base.

        Args:
            roles: policy, reference or value model, each once.
            one_pass: ``ppo.one_pass``; roles that run through as many layers are together then, where their adapters
                allow it.
        """
        if not one_pass or not stackable(self.shared.model, roles):
            return [[role] for role in roles]
        depths = dict.fromkeys(self.layers(role) for role in roles)
        return [[role for role in roles if self.layers(role) == depth] for depth in depths]

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """What PPO updates: policy adapter; value adapter and value head, where there are."""
        if self.value_head is None:
            return self.shared.parameters_of(POLICY)
        heads = {f"value_head.{name}": parameter for name, parameter in self.value_head.named_parameters()}
        return self.shared.parameters_of(POLICY) | self.shared.parameters_of(VALUE) | heads


def load_ppo_models(
    shared: SharedModel, sft: Path, reward: Path, value_init: ValueInit | None, scale: float = 1.0
) -> PPOModels:
    """Put the adapters on the base; the base's weights are held once.

    Args:
        shared: the base, without adapters.
        sft: folder of the SFT policy's adapter.
        reward: folder of the reward model's adapter and head.
        value_init: whether the value model also takes the reward model's head; None: no value model is loaded.
        scale: factor from the reward model's score to a return, in whose units a value is.

    Raises:
        SalmonError: an adapter or a head is missing or does not fit the base, or the reward model has no head to copy.
    """
    shared.load_adapter(POLICY, sft)
    shared.load_adapter(REFERENCE, sft)
    reward_head = load_scalar_model(shared, REWARD, reward)
    reward_head.requires_grad_(False)
    if value_init is None:
        return PPOModels(shared, None, reward_head)
    shared.load_adapter(VALUE, reward)
    value_head = ScalarHead(shared.hidden_size, None, reward_head.layers).to(shared.device)
    if value_init is ValueInit.reward:
        if not isinstance(reward_head, ScalarHead):
            raise SalmonError(
                f"ppo.value_init=reward copies the reward model's head, and that in "
                f"{reward} ({reward_head.kind.value}) has no weights: set ppo.value_init=reward_zero_head"
            )
        with torch.no_grad():
            value_head.weight.copy_(reward_head.weight * scale)
            value_head.bias.copy_(reward_head.bias * scale)
    return PPOModels(shared, value_head, reward_head)
