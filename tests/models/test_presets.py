"""The bases of ``conf/model``: what each file says agrees with the model's own config, and a small one of its
architecture is trained by PPO as a plain computation says."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor
from transformers import AutoTokenizer

from salmon.config.model import Dtype, ModelConfig, Quantization
from salmon.config.ppo import PPOConfig, ValueInit
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.data.rows import Prompt
from salmon.models import weights
from salmon.models.base import SharedModel
from salmon.models.heads import ScalarHead, save_scalar_model
from salmon.plan.published import KNOWN
from salmon.ppo.models import POLICY, VALUE, PPOModels, load_ppo_models
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rollout import Rollout, collect_rollout
from salmon.ppo.update import minibatch_gradients
from salmon.principles.bank import Bank, Principle
from tests.models.architectures import OPEN, random_model

register()

PRESETS = sorted({path.stem for path in (Path(CONF) / "model").glob("*.yaml")} - {"hub"})
GATED = "meta-llama/"
SMALL = ("tiny", "smollm2_135m", "smollm2_360m", "smollm2_1_7b", "qwen3_0_6b")  # also for a CPU
BANK = Bank("test", (Principle("Concise", "It is short."),))
PROMPTS = [Prompt("a", "Name a fish."), Prompt("b", "What is 17 times 3, and why is it?"), Prompt("c", "Hi")]
BATCH = PromptBatch(PROMPTS, [(0, "rollout", prompt.id) for prompt in PROMPTS])


def composed(*overrides: str) -> Config:
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config", overrides=list(overrides)), Config)


# --- what the files say ------------------------------------------------------------------------


def test_every_known_base_has_a_preset_and_the_reverse() -> None:
    found = {composed(f"model={name}").model.path for name in PRESETS}
    assert found == set(KNOWN) and len(PRESETS) == len(KNOWN)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_fits_its_base(name: str) -> None:
    model = composed(f"model={name}").model
    assert model.name == name
    assert model.context <= KNOWN[model.path]["max_position_embeddings"]
    large = name not in SMALL
    assert (model.quantization is Quantization.nf4) == large <= model.gradient_checkpointing
    assert (model.dtype is Dtype.bfloat16) == large and (model.lora.r == 64) == large


@pytest.mark.parametrize("name", [name for name in PRESETS if name not in ("tiny", "smollm2_135m")])
def test_a_presets_header_says_what_ends_an_answer_and_the_recipe_for_one_gpu(name: str) -> None:
    lines = (Path(CONF) / f"model/{name}.yaml").read_text(encoding="utf-8").splitlines()
    header = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    assert "Answers end with <" in header or "Answers end with its template's <" in header
    assert "One GPU: +experiment=dromedary2_" in header and f"_one_gpu model={name}" in header
    if GATED in composed(f"model={name}").model.path:
        assert "Gated" in header or "gated" in header


# --- PPO on a small base of the architecture ---------------------------------------------------


@pytest.fixture(scope="module")
def make(tiny_config: ModelConfig, tiny_cache: Path) -> Callable[[str], SharedModel]:
    tokenizer = AutoTokenizer.from_pretrained(weights.resolve(weights.TINY, tiny_cache))
    return lambda name: random_model(name, tiny_config, tokenizer, context=128)


@pytest.fixture
def models(name: str, make: Callable[[str], SharedModel], randomise, tmp_path: Path) -> PPOModels:
    shared = make(name)
    for seed, adapter in enumerate(("sft", "reward")):
        shared.add_adapter(adapter, seed)
        randomise(shared, adapter, seed)
    shared.save_adapter("sft", tmp_path / "sft")
    save_scalar_model(shared, "reward", ScalarHead(shared.hidden_size, seed=3), tmp_path / "reward")
    shared.clear()
    return load_ppo_models(shared, tmp_path / "sft", tmp_path / "reward", ValueInit.reward)


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n == OPEN[0] else pytest.mark.slow) for n in OPEN])
def test_lora_sits_on_the_seven_maps_of_each_layer_and_ppo_learns_as_a_plain_computation(
    name: str, models: PPOModels, ppo_config, rollout_setup
) -> None:
    maps = {key.split(".lora_")[0].rpartition(".")[2] for key in models.shared.parameters_of(POLICY)}
    assert maps == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert len(models.shared.parameters_of(POLICY)) == 2 * 7 * 2  # layers, maps, A and B

    ppo = ppo_config(rollout_batch=3, minibatch=3)
    rollout = collect_rollout(rollout_setup(models, ppo, BANK), BATCH, 1, kl_coefficient=0.05)
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():  # policy and value model have moved since: ratios are not 1
        for parameter in models.trained.values():
            parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    stats = minibatch_gradients(models, rollout, range(3), ppo, train_policy=True)
    found = taken(models)
    policy, value = plain_step(models, rollout, ppo)
    assert stats["policy/loss"] == pytest.approx(policy, abs=1e-4)
    assert stats["value/loss"] == pytest.approx(value, rel=1e-3, abs=1e-4)
    for (key, gradient), plain in zip(found.items(), taken(models).values(), strict=True):
        torch.testing.assert_close(gradient, plain, atol=2e-3 * max(1.0, plain.abs().max().item()), rtol=0, msg=key)
    assert max(gradient.abs().max() for gradient in found.values()) > 1e-2


def taken(models: PPOModels) -> dict[str, Tensor]:
    """The gradients, which are left empty."""
    found = {key: parameter.grad.clone() for key, parameter in models.trained.items()}
    for parameter in models.trained.values():
        parameter.grad = None
    return found


def plain_step(models: PPOModels, rollout: Rollout, ppo: PPOConfig) -> tuple[float, float]:
    """Both losses and their gradients from the model's own forward: a response at a time, no padding, no packing."""
    shared, policy, value = models.shared, 0.0, 0.0
    responses, targets = rollout.scored.responses, rollout.targets
    assert targets is not None
    tokens = sum(len(response.ids) for response in responses)
    for row, response in enumerate(responses):
        first, count = len(response.prompt_ids), len(response.ids)
        ids = torch.tensor([response.prompt_ids + response.ids])
        advantages, old, returns, before = (
            tensor[row, :count] for tensor in (rollout.advantages, rollout.logprobs, targets.returns, targets.old)
        )
        with shared.using(POLICY):
            logits = shared.model(input_ids=ids, use_cache=False).logits[0, first - 1 : -1]
            logprobs = (logits / ppo.sampling.temperature).log_softmax(-1)[range(count), response.ids]
            ratio = (logprobs - old).exp()
            clipped = ratio.clamp(1 - ppo.clip_range, 1 + ppo.clip_range)
            loss = -torch.minimum(ratio * advantages, clipped * advantages).sum() / tokens
            loss.backward()
            policy += loss.item()
        with shared.using(VALUE):
            states = shared.model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states[-1][0]
            values = models.value_head(states[first - 1 : -1])
            near = before + (values - before).clamp(-ppo.clip_range_value, ppo.clip_range_value)
            loss = 0.5 * torch.maximum((values - returns) ** 2, (near - returns) ** 2).sum() / tokens
            (ppo.value_coefficient * loss).backward()
            value += loss.item()
    return policy, value
