"""Through a merged copy the base computes the same, and afterwards it is what it was."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from salmon.config.model import Dtype, ModelConfig, Quantization
from salmon.models import merged_copy as module
from salmon.models.base import SharedModel
from salmon.models.merged_copy import copy_bytes, merged_copy, why_no_copy
from tests.models.architectures import random_model

IDS = torch.tensor([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]])
MASK = torch.ones_like(IDS)
KINDS = ("llama", "qwen2", "gpt2", "phi", "mixtral")  # plain, biases, Conv1D, biases and head with one, experts


def logits(shared: SharedModel) -> Tensor:
    return shared.head(shared.hidden_states(IDS, MASK).flatten(0, 1))


@pytest.fixture
def policy(tiny: SharedModel, randomise: Callable[..., None]) -> SharedModel:
    for name, layers in (("policy", None), ("other", 1)):
        tiny.add_adapter(name, seed=0, layers=layers)
        randomise(tiny, name, seed=len(name))
    return tiny


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_to_rounding(
    kind: str, tiny_config: ModelConfig, load_tiny: Callable[..., SharedModel], randomise: Callable[..., None]
) -> None:
    shared = random_model(kind, tiny_config, load_tiny().tokenizer)
    shared.add_adapter("policy", seed=0)
    randomise(shared, "policy", seed=1)
    found = {}
    for name in ("policy", None):
        with torch.no_grad(), shared.using(name):
            expected = logits(shared)
        with merged_copy(shared, name):
            found[name] = logits(shared)
        assert (found[name] - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (found["policy"] - found[None]).abs().max() > 1e-2 * found[None].abs().max(), "the adapter changes something"


@pytest.mark.parametrize("name", ["policy", "other", None])
def test_the_copy_is_of_the_adapter_named_and_as_it_is_now(
    policy: SharedModel, name: str | None, randomise: Callable[..., None]
) -> None:
    """Also of one that sits on some layers only, and after training has changed it."""
    for seed in (3, 4):
        randomise(policy, "policy", seed=seed)
        with torch.no_grad(), policy.using(name):
            expected = logits(policy)
        with policy.using("policy"), merged_copy(policy, name):
            assert torch.allclose(logits(policy), expected, atol=1e-4)


def test_no_product_of_an_adapter_is_computed(policy: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor a linear map of the base: all of them are in the copy."""
    called: list[nn.Module] = []
    forward = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: called.append(self) or forward(self, x))
    with merged_copy(policy, "policy"):
        logits(policy)
    assert called == []
    with policy.using("policy"):
        logits(policy)
    assert len(called) == 2 * 7 * 3 + 1, "base, A and B of each map of two layers, and the head"


@pytest.mark.parametrize("fails", [False, True])
def test_afterwards_the_base_is_what_it_was(policy: SharedModel, fails: bool) -> None:
    before = {name: tensor.clone() for name, tensor in policy.model.state_dict().items()}
    with policy.using("policy"):
        expected = logits(policy)
    try:
        with merged_copy(policy, "policy"):
            assert not torch.is_grad_enabled()
            if fails:
                raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    with policy.using("policy"):
        assert torch.equal(logits(policy), expected)
    assert all(torch.equal(tensor, before[name]) for name, tensor in policy.model.state_dict().items())
    assert not any("forward" in vars(part) for part in policy.model.modules())
    assert torch.is_grad_enabled()


def test_lora_of_another_kind_stays_as_it_is(policy: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """DoRA scales what W + B A gives, so the sum alone would be wrong."""
    layer = policy.model.get_submodule("model.layers.0.mlp.down_proj")
    monkeypatch.setitem(layer.lora_bias, "policy", True)
    with merged_copy(policy, "policy"):
        assert "forward" not in vars(layer)
        assert "forward" in vars(policy.model.get_submodule("model.layers.0.mlp.up_proj"))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"dtype": Dtype.bfloat16}, "not in fp32"),
        ({"quantization": Quantization.nf4}, "not in fp32"),
        ({}, None),
    ],
)
def test_where_there_is_no_copy(load_tiny: Callable[..., SharedModel], settings: dict, reason: str | None) -> None:
    found = why_no_copy(load_tiny(**settings))
    assert found is None if reason is None else reason in (found or "")


def test_nor_where_memory_is_short(tiny: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    for share, made in ((1.4, False), (1.6, True)):
        monkeypatch.setattr(module, "available_memory", lambda share=share: int(share * copy_bytes(tiny)))
        assert (why_no_copy(tiny) is None) == made
        assert made or "GiB of memory are free" in (why_no_copy(tiny) or "")


def test_nor_of_weights_that_are_shared_out(load_tiny: Callable[..., SharedModel]) -> None:
    """Under zero3 a layer has its weights in its own passes only, also in a chunk of work that a process has alone."""
    shared = load_tiny()
    layer = shared.model.get_submodule("model.layers.0.mlp.down_proj")
    whole = layer.weight.data
    try:
        layer.weight.data = torch.empty(0)
        assert "a part of the base" in (why_no_copy(shared) or "")
    finally:
        layer.weight.data = whole
