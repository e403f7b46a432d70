"""What a model computes depends on its weights and its input: no dropout, no jitter, no global generator."""

from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor
from transformers import (
    BioGptConfig,
    BioGptForCausalLM,
    FalconConfig,
    FalconForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedModel,
)

from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.models.layer_control import checkpoint_layers, gradient_checkpointing
from tests.released import base_model

IDS = torch.tensor([[10, 20, 30, 40, 50], [60, 70, 80, 90, 100]])
SMALL = {"vocab_size": 128, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
# Each with another kind of randomness of its own: in a layer, in a module of it, in attention, in a router.
BASES = {
    "opt": lambda: OPTForCausalLM(
        OPTConfig(**SMALL, ffn_dim=64, word_embed_proj_dim=32, dropout=0.5, attention_dropout=0.5)
    ),
    "biogpt": lambda: BioGptForCausalLM(BioGptConfig(**SMALL, intermediate_size=64, hidden_dropout_prob=0.5)),
    "falcon": lambda: FalconForCausalLM(FalconConfig(**SMALL, hidden_dropout=0.5, attention_dropout=0.5)),
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=128, n_embd=32, n_layer=2, n_head=2, resid_pdrop=0.5, attn_pdrop=0.5, embd_pdrop=0.5)
    ),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SMALL, intermediate_size=64, attention_dropout=0.5)),
    "mixtral": lambda: MixtralForCausalLM(
        MixtralConfig(
            **SMALL, num_key_value_heads=2, intermediate_size=64, num_local_experts=2, router_jitter_noise=0.5
        )
    ),
}


def states(base: PreTrainedModel) -> Tensor:
    decoder = base.get_decoder()
    with gradient_checkpointing(decoder, torch.is_grad_enabled()):
        return decoder(input_ids=IDS, attention_mask=torch.ones_like(IDS), use_cache=False).last_hidden_state


@pytest.mark.parametrize("name", BASES)
def test_gradients_change_nothing_of_what_a_base_computes(name: str) -> None:
    """With gradients, with recomputed layers too; the gradients are those of the same function."""
    torch.manual_seed(0)
    base = BASES[name]().eval()
    found, gradients = [], []
    for checkpointing in (False, True):
        if checkpointing:
            checkpoint_layers(base, early_stop=True)
        base.zero_grad()
        found.append(states(base))
        found[-1].square().sum().backward()
        gradients.append([p.grad.clone() for p in base.get_decoder().parameters() if p.grad is not None])
    with torch.no_grad():
        expected = states(base)
    for states_found in found:
        torch.testing.assert_close(states_found, expected, atol=1e-5, rtol=1e-5)
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(recomputed, plain, atol=1e-4, rtol=1e-4)
    assert not any(module.training for module in base.modules())


def logprobs(shared: SharedModel) -> Tensor:
    batch = token_batch(IDS.tolist(), [[5, 6], [7, 8]], 0, shared.device)
    with shared.using("policy"):
        return response_logprobs(shared, batch, 1.0)


def test_an_adapter_that_was_made_with_dropout_has_none_here(load_tiny, tiny_cache: Path, tmp_path: Path) -> None:
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.5, target_modules="all-linear", task_type="CAUSAL_LM")
    torch.manual_seed(0)
    made = get_peft_model(base_model(tiny_cache), config)
    for name, parameter in made.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.1)
    made.save_pretrained(tmp_path)

    shared = load_tiny()
    shared.load_adapter("policy", tmp_path)
    with torch.no_grad():
        expected = logprobs(shared)
    assert torch.equal(logprobs(shared), expected)


def test_a_new_adapter_leaves_every_module_in_evaluation_mode(tiny: SharedModel) -> None:
    tiny.add_adapter("policy", seed=0)
    tiny.add_adapter("other", seed=1)
    assert not any(module.training for module in tiny.model.modules())


def test_nothing_is_drawn_from_the_global_generator(tiny: SharedModel) -> None:
    """Neither by a new adapter, nor by a forward and a backward pass."""
    before = torch.get_rng_state()
    tiny.add_adapter("policy", seed=0)
    for parameter in tiny.parameters_of("policy").values():
        parameter.requires_grad_(True)
    logprobs(tiny).sum().backward()
    assert torch.equal(torch.get_rng_state(), before)
