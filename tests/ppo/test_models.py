"""PPO's four roles on one base."""

from pathlib import Path

import pytest
import torch

from salmon.config.ppo import ValueInit
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward, token_batch, value_forward
from salmon.models.heads import HEAD_FILE
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, Actors, load_actors

IDS = torch.tensor([[10, 20, 30, 40], [50, 60, 70, 80]])


def logits(shared: SharedModel, role: str) -> torch.Tensor:
    with torch.no_grad(), shared.using(role):
        return shared.model(IDS).logits


def test_there_are_four_roles_on_one_base(actors: Actors) -> None:
    assert sorted(actors.shared.adapters) == sorted([POLICY, REFERENCE, REWARD, VALUE])
    names = [name for name, _ in actors.shared.model.named_parameters()]
    assert sum(name.endswith("q_proj.base_layer.weight") for name in names) == 2  # one a layer


def test_policy_and_reference_start_as_the_sft_policy(actors: Actors, actor_folders, load_tiny) -> None:
    sft = load_tiny()
    sft.load_adapter("sft", actor_folders[0])
    assert torch.equal(logits(actors.shared, POLICY), logits(actors.shared, REFERENCE))
    assert torch.equal(logits(actors.shared, POLICY), logits(sft, "sft"))
    assert not torch.equal(logits(actors.shared, POLICY), logits(actors.shared, REWARD))


def test_the_value_model_starts_as_the_reward_model(actors: Actors) -> None:
    """Reading a prompt, both give the same number: the value before its answer is the reward so far."""
    shared = actors.shared
    with torch.no_grad():
        with shared.using(REWARD):
            scores = score_forward(shared, actors.reward_head, IDS.tolist())
        with shared.using(VALUE):
            values = value_forward(shared, actors.value_head, token_batch(IDS.tolist(), [[5], [6]], 0, shared.device))
    torch.testing.assert_close(values[:, 0], scores, atol=1e-5, rtol=1e-5)
    assert scores.abs().min() > 1e-3


def test_a_head_of_zeros_keeps_the_adapter(tiny: SharedModel, actor_folders) -> None:
    actors = load_actors(tiny, *actor_folders, ValueInit.reward_zero_head)
    assert actors.value_head.weight.abs().sum() == 0 and actors.value_head.bias == 0
    assert actors.reward_head.weight.abs().sum() > 0 and actors.reward_head.bias != 0
    assert torch.equal(logits(actors.shared, VALUE), logits(actors.shared, REWARD))
    batch = token_batch(IDS.tolist(), [[5, 6], [7]], 0, tiny.device)
    with torch.no_grad(), tiny.using(VALUE):
        assert (value_forward(tiny, actors.value_head, batch) == 0).all()
    assert all(p.requires_grad for p in actors.value_head.parameters())


def test_the_heads_are_two(actors: Actors) -> None:
    with torch.no_grad():
        actors.value_head.weight.add_(1.0)
    assert not torch.equal(actors.value_head.weight, actors.reward_head.weight)
    assert not any(p.requires_grad for p in actors.reward_head.parameters())


def test_trained_are_policy_and_value_only(actors: Actors) -> None:
    names = set(actors.trained)
    shared = actors.shared
    assert names == {
        *shared.parameters_of(POLICY),
        *shared.parameters_of(VALUE),
        "value_head.weight",
        "value_head.bias",
    }
    frozen = {id(p) for role in (REFERENCE, REWARD) for p in shared.parameters_of(role).values()}
    frozen |= {id(p) for p in actors.reward_head.parameters()}
    assert frozen and not frozen & {id(p) for p in actors.trained.values()}


def test_a_missing_policy_or_head_is_named(tiny: SharedModel, actor_folders, tmp_path: Path, load_tiny) -> None:
    with pytest.raises(SalmonError, match=str(tmp_path / "sft")):
        load_actors(tiny, tmp_path / "sft", actor_folders[1], ValueInit.reward)
    with pytest.raises(SalmonError, match=HEAD_FILE):
        load_actors(load_tiny(), actor_folders[0], actor_folders[0], ValueInit.reward)  # an adapter without head
