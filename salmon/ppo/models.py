"""The four models of PPO as adapters on one base: policy, reference, value, reward (PAPER.md 2.0)."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from salmon.config.ppo import ValueInit
from salmon.models.base import SharedModel
from salmon.models.heads import ScalarHead, load_scalar_model

POLICY, REFERENCE, VALUE, REWARD = "policy", "reference", "value", "reward"


@dataclass(frozen=True)
class PPOModels:
    """Policy and reference start as the same SFT adapter; the value model starts with the reward model's."""

    shared: SharedModel
    value_head: ScalarHead
    reward_head: ScalarHead

    @property
    def trained(self) -> dict[str, nn.Parameter]:
        """What PPO updates: policy adapter, value adapter, value head."""
        heads = {f"value_head.{name}": parameter for name, parameter in self.value_head.named_parameters()}
        return self.shared.parameters_of(POLICY) | self.shared.parameters_of(VALUE) | heads


def load_ppo_models(
    shared: SharedModel, sft: Path, reward: Path, value_init: ValueInit, scale: float = 1.0
) -> PPOModels:
    """Put the four adapters on the base; the base's weights are held once.

    Args:
        shared: the base, without adapters.
        sft: folder of the SFT policy's adapter.
        reward: folder of the reward model's adapter and head.
        value_init: whether the value model also takes the reward model's head.
        scale: factor from the reward model's score to a return, in whose units a value is.

    Raises:
        SalmonError: an adapter or a head is missing or does not fit the base.
    """
    shared.load_adapter(POLICY, sft)
    shared.load_adapter(REFERENCE, sft)
    reward_head = load_scalar_model(shared, REWARD, reward)
    value_head = load_scalar_model(shared, VALUE, reward)
    with torch.no_grad():
        for parameter in value_head.parameters():
            parameter.mul_(0.0 if value_init is ValueInit.reward_zero_head else scale)
    reward_head.requires_grad_(False)
    return PPOModels(shared, value_head, reward_head)
