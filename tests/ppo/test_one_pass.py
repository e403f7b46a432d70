"""Roles that read tokens in one pass over the base give what they give one after the other."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from peft import LoraConfig
from torch import Tensor

from salmon.config.model import Quantization
from salmon.config.ppo import PPOConfig, ValueInit
from salmon.models.base import SharedModel
from salmon.models.decoder import decoder_of
from salmon.models.forward import TokenBatch, response_states, token_batch
from salmon.models.stacked_adapters import stackable
from salmon.ppo.learning_signal import ValueTargets
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, PPOModels, load_ppo_models
from salmon.ppo.passes import model_outputs
from salmon.ppo.rollout import Rollout
from salmon.ppo.shaping import ScoredResponses
from salmon.ppo.update import minibatch_gradients

pytestmark = pytest.mark.slow

PROMPTS = [[40, 41, 42], [40, 41, 42], [40, 50, 51, 52, 53], [60]]
RESPONSES = [[70, 71], [80, 81, 82], [90, 91, 92, 93], [71, 72]]
BASES: dict[str, dict[str, Any]] = {
    "fp32": {},
    "checkpointing": {"gradient_checkpointing": True},
    "NF4": {"quantization": Quantization.nf4},
}


@pytest.fixture(params=BASES)
def models(request, load_tiny, ppo_folders, randomise) -> PPOModels:
    """Four roles, no two alike."""
    loaded = load_ppo_models(load_tiny(**BASES[request.param]), *ppo_folders, ValueInit.reward)
    for seed, role in enumerate((POLICY, REFERENCE, VALUE, REWARD)):
        randomise(loaded.shared, role, seed)
    return loaded


@pytest.fixture(params=["in one row", "padded"])
def batch(request, models: PPOModels) -> TokenBatch:
    shared = models.shared
    shared.can = replace(shared.can, flatten=request.param == "in one row")
    return token_batch(PROMPTS, RESPONSES, shared.pad_id, shared.device)


def rollout_of(models: PPOModels, batch: TokenBatch, ppo: PPOConfig) -> Rollout:
    found = model_outputs(models, batch, ppo)
    generator = torch.Generator().manual_seed(0)

    def near(tensor: Tensor) -> Tensor:
        return (tensor + 0.1 * torch.randn(tensor.shape, generator=generator)) * batch.mask

    targets = ValueTargets(near(found.values), near(found.values))
    signal = near(torch.zeros_like(batch.mask))
    unread = ScoredResponses([], [], [], *[torch.zeros(len(batch))] * 5)
    return Rollout(unread, batch, near(found.logprobs), found.reference_logprobs, signal, targets, 0.1, {})


def counted_passes(models: PPOModels, run: Callable[[], Any]) -> tuple[Any, list[int]]:
    """What ``run`` returns, and the rows of each pass through the decoder."""
    passes: list[int] = []
    hook = decoder_of(models.shared.model).register_forward_pre_hook(
        lambda module, args, kwargs: passes.append(len(kwargs["input_ids"])), with_kwargs=True
    )
    try:
        return run(), passes
    finally:
        hook.remove()


def gradients(models: PPOModels, rollout: Rollout, ppo: PPOConfig) -> tuple[dict[str, Tensor], dict[str, float]]:
    for parameter in models.trained.values():
        parameter.grad = None
    stats = minibatch_gradients(models, rollout, range(len(rollout.batch)), ppo, train_policy=True)
    return {name: parameter.grad.clone() for name, parameter in models.trained.items()}, stats


def test_all_three_read_the_tokens_in_one_pass(models: PPOModels, batch: TokenBatch, ppo_config) -> None:
    apart, three = counted_passes(models, lambda: model_outputs(models, batch, ppo_config(micro_batch_size=4)))
    together, one = counted_passes(
        models, lambda: model_outputs(models, batch, ppo_config(micro_batch_size=4, one_pass=True))
    )
    assert len(three) == 3 and len(one) == 1 and one[0] == 3 * three[0]
    for field in fields(apart):
        found, expected = getattr(together, field.name), getattr(apart, field.name)
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4, msg=field.name)
    assert (apart.logprobs - apart.reference_logprobs).abs().max() > 0.01, "roles that are alike would show nothing"


def test_gradients_are_those_of_separate_passes(models: PPOModels, batch: TokenBatch, ppo_config) -> None:
    ppo = ppo_config(micro_batch_size=2)
    rollout = rollout_of(models, batch, ppo)
    (apart, stats), four = counted_passes(models, lambda: gradients(models, rollout, ppo))
    (together, same), two = counted_passes(models, lambda: gradients(models, rollout, replace(ppo, one_pass=True)))
    assert len(four) == 2 * len(two) > 0
    assert stats.keys() == same.keys() and stats == pytest.approx(same, abs=1e-4, rel=1e-3)
    for name, gradient in apart.items():
        assert gradient.norm() > 0, name
        assert (together[name] - gradient).norm() < 1e-3 * gradient.norm(), name


@pytest.mark.parametrize("warmup", [True, False])
def test_what_is_not_trained_gets_no_gradient(models: PPOModels, batch: TokenBatch, ppo_config, warmup: bool) -> None:
    ppo = ppo_config(one_pass=True)
    rollout = rollout_of(models, batch, ppo)
    minibatch_gradients(models, rollout, range(4), ppo, train_policy=not warmup)
    by_role = {
        role: any(p.grad is not None and p.grad.any() for p in models.shared.parameters_of(role).values())
        for role in models.shared.adapters
    }
    assert by_role == {POLICY: not warmup, VALUE: True, REFERENCE: False, REWARD: False}


def test_a_micro_batch_of_auto_counts_the_tokens_of_all_roles(models: PPOModels, batch: TokenBatch, ppo_config) -> None:
    models.shared.tokens_at_once = sum(batch.lengths)
    ppo = ppo_config(micro_batch_size="auto", one_pass=True)
    _, passes = counted_passes(models, lambda: model_outputs(models, batch, ppo))
    assert len(passes) >= 3


def test_a_value_model_of_fewer_layers_reads_alone(load_tiny, ppo_folders, ppo_config) -> None:
    models = load_ppo_models(load_tiny(), *ppo_folders, ValueInit.reward)
    models.value_head.layers = 1
    assert models.passes([POLICY, REFERENCE, VALUE], True) == [[POLICY, REFERENCE], [VALUE]]
    assert models.passes([POLICY, REFERENCE, VALUE], False) == [[POLICY], [REFERENCE], [VALUE]]


# --- adapters that differ ------------------------------------------------------------------------


def add(shared: SharedModel, name: str, **config: Any) -> None:
    shared.add_adapter(name, 0)
    shared.remove_adapter(name)
    shared._peft.add_adapter(name, LoraConfig(**({"r": 4, "target_modules": "all-linear"} | config)))
    shared._freeze()


def test_adapters_may_differ_in_rank_scale_and_layers(tiny: SharedModel, randomise) -> None:
    tiny.add_adapter("plain", 0)
    tiny.add_adapter("first layer only", 1, layers=1)
    add(tiny, "wide", r=7, lora_alpha=3)
    add(tiny, "few", r=2, target_modules=["q_proj"])
    names = tiny.adapters
    for seed, name in enumerate(names):
        randomise(tiny, name, seed)
    batch = token_batch(PROMPTS, RESPONSES, tiny.pad_id, tiny.device)
    with torch.no_grad(), tiny.using_together(names):
        together = response_states(tiny, batch, parts=len(names))
    for name, found in zip(names, together, strict=True):
        with torch.no_grad(), tiny.using(name):
            torch.testing.assert_close(found, response_states(tiny, batch)[0], atol=2e-4, rtol=2e-4, msg=name)


def test_other_kinds_than_plain_lora_are_not_stacked(tiny: SharedModel) -> None:
    tiny.add_adapter("plain", 0)
    assert stackable(tiny.model, ["plain"])
    add(tiny, "dora", use_dora=True)
    assert not stackable(tiny.model, ["plain", "dora"]) and stackable(tiny.model, ["plain"])


def test_afterwards_one_adapter_is_active_as_before(models: PPOModels, batch: TokenBatch) -> None:
    shared = models.shared
    with torch.no_grad():
        with shared.using(VALUE):
            before = response_states(shared, batch)
        with shared.using_together([POLICY, VALUE]):
            response_states(shared, batch, parts=2)
        with shared.using(VALUE):
            assert torch.equal(response_states(shared, batch), before)
    assert {name for name, p in shared.model.named_parameters() if p.requires_grad} == set(shared.parameters_of(VALUE))
