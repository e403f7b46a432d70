"""The reward model's adapter in bf16 products: the same scores and gradients up to bf16's rounding."""

from dataclasses import replace

import pytest
import torch

from salmon.config.reward import RewardConfig
from salmon.models import device
from salmon.models.base import SharedModel
from salmon.reward.comparisons import RewardComparison
from salmon.reward.training import ADAPTER, RewardAdapter, new_reward_adapter

PAIRS = [
    RewardComparison([5, 6, 7, 8, 9, 11], [5, 6, 7, 20, 21, 11], "", 0, "a", "x"),
    RewardComparison([30, 31, 32, 33], [30, 31, 40, 41, 42], "", 0, "b", "x"),
]


@pytest.fixture
def adapter(tiny: SharedModel, reward_config: RewardConfig, randomise) -> RewardAdapter:
    made = new_reward_adapter(tiny, replace(reward_config, start=None, first_layer=0), seed=0)
    randomise(tiny, ADAPTER, 1)
    return made


def scores_and_gradients(adapter: RewardAdapter, autocast: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    used = RewardAdapter(adapter.shared, adapter.head, autocast)
    for parameter in used.parameters.values():
        parameter.requires_grad_(True)
    with used.shared.using(ADAPTER):
        chosen, rejected = used.scores(PAIRS)
    (chosen - rejected).sum().backward()
    gradients = {}
    for name, parameter in used.parameters.items():
        assert parameter.dtype is torch.float32
        gradients[name], parameter.grad = parameter.grad, None
    return torch.cat([chosen, rejected]).detach(), gradients


def test_products_in_bf16_change_scores_and_gradients_by_rounding_only(adapter, monkeypatch):
    monkeypatch.setattr(device, "_cpu_multiplies_bf16", lambda: True)  # others emulate it, with the same result
    (exact, slopes), (found, its) = (scores_and_gradients(adapter, autocast) for autocast in (False, True))
    assert found.dtype is torch.float32 and not torch.equal(found, exact), "nothing was rounded"
    assert (found - exact).norm() <= 0.02 * exact.norm()
    for name, slope in slopes.items():
        assert its[name].dtype is torch.float32
        assert (its[name] - slope).norm() <= 0.05 * slope.norm(), name


@pytest.mark.parametrize("capabilities", [{"avx2": True}, {"avx512_f": True, "avx512_bf16": True, "amx_bf16": False}])
def test_a_processor_without_a_matrix_unit_computes_as_before(adapter, monkeypatch, capabilities):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    device._cpu_multiplies_bf16.cache_clear()
    try:
        (exact, slopes), (found, its) = (scores_and_gradients(adapter, autocast) for autocast in (False, True))
    finally:
        device._cpu_multiplies_bf16.cache_clear()
    assert torch.equal(found, exact) and all(torch.equal(its[name], slope) for name, slope in slopes.items())
