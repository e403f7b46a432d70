"""PPO's four roles on one base."""

from pathlib import Path

import pytest
import torch

from salmon.config.ppo import ValueInit
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward, token_batch
from salmon.models.heads import HEAD_FILE
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, PPOModels, load_ppo_models
from tests.models.passes import value_forward

IDS = torch.tensor([[10, 20, 30, 40], [50, 60, 70, 80]])


def logits(shared: SharedModel, role: str) -> torch.Tensor:
    with torch.no_grad(), shared.using(role):
        return shared.model(IDS).logits


def test_there_are_four_roles_on_one_base(ppo_models: PPOModels) -> None:
    assert sorted(ppo_models.shared.adapters) == sorted([POLICY, REFERENCE, REWARD, VALUE])
    names = [name for name, _ in ppo_models.shared.model.named_parameters()]
    assert sum(name.endswith("q_proj.base_layer.weight") for name in names) == 2  # one a layer


def test_policy_and_reference_start_as_the_sft_policy(ppo_models: PPOModels, ppo_folders, load_tiny) -> None:
    sft = load_tiny()
    sft.load_adapter("sft", ppo_folders[0])
    assert torch.equal(logits(ppo_models.shared, POLICY), logits(ppo_models.shared, REFERENCE))
    assert torch.equal(logits(ppo_models.shared, POLICY), logits(sft, "sft"))
    assert not torch.equal(logits(ppo_models.shared, POLICY), logits(ppo_models.shared, REWARD))


def test_the_value_model_starts_as_the_reward_model(ppo_models: PPOModels) -> None:
    """Reading a prompt, both give the same number: the value before its answer is the reward so far."""
    shared = ppo_models.shared
    with torch.no_grad():
        with shared.using(REWARD):
            scores = score_forward(shared, ppo_models.reward_head, IDS.tolist())
        with shared.using(VALUE):
            values = value_forward(
                shared, ppo_models.value_head, token_batch(IDS.tolist(), [[5], [6]], 0, shared.device)
            )
    torch.testing.assert_close(values[:, 0], scores, atol=1e-5, rtol=1e-5)
    assert scores.abs().min() > 1e-3


def test_a_head_of_zeros_keeps_the_adapter(tiny: SharedModel, ppo_folders) -> None:
    ppo_models = load_ppo_models(tiny, *ppo_folders, ValueInit.reward_zero_head)
    assert ppo_models.value_head.weight.abs().sum() == 0 and ppo_models.value_head.bias == 0
    assert ppo_models.reward_head.weight.abs().sum() > 0 and ppo_models.reward_head.bias != 0
    assert torch.equal(logits(ppo_models.shared, VALUE), logits(ppo_models.shared, REWARD))
    batch = token_batch(IDS.tolist(), [[5, 6], [7]], 0, tiny.device)
    with torch.no_grad(), tiny.using(VALUE):
        assert (value_forward(tiny, ppo_models.value_head, batch) == 0).all()
    assert all(p.requires_grad for p in ppo_models.value_head.parameters())


def test_the_heads_are_two(ppo_models: PPOModels) -> None:
    with torch.no_grad():
        ppo_models.value_head.weight.add_(1.0)
    assert not torch.equal(ppo_models.value_head.weight, ppo_models.reward_head.weight)
    assert not any(p.requires_grad for p in ppo_models.reward_head.parameters())


def test_trained_are_policy_and_value_only(ppo_models: PPOModels) -> None:
    names = set(ppo_models.trained)
    shared = ppo_models.shared
    assert names == {
        *shared.parameters_of(POLICY),
        *shared.parameters_of(VALUE),
        "value_head.weight",
        "value_head.bias",
    }
    frozen = {id(p) for role in (REFERENCE, REWARD) for p in shared.parameters_of(role).values()}
    frozen |= {id(p) for p in ppo_models.reward_head.parameters()}
    assert frozen and not frozen & {id(p) for p in ppo_models.trained.values()}


def test_a_missing_policy_or_head_is_named(tiny: SharedModel, ppo_folders, tmp_path: Path, load_tiny) -> None:
    with pytest.raises(SalmonError, match=str(tmp_path / "sft")):
        load_ppo_models(tiny, tmp_path / "sft", ppo_folders[1], ValueInit.reward)
    with pytest.raises(SalmonError, match=HEAD_FILE):
        load_ppo_models(load_tiny(), ppo_folders[0], ppo_folders[0], ValueInit.reward)  # an adapter without head
