"""NF4 (QLoRA) on a CPU: forward, backward, and how far it is from the fp32 base."""

from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from bitsandbytes.nn import Linear4bit
from transformers import AutoTokenizer

from salmon.config.model import Quantization
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from tests.models.architectures import random_base

BATCH = ([[40, 41, 42], [50]], [[60, 61], [70, 71]])


@pytest.fixture
def quantized(load_tiny) -> SharedModel:
    return load_tiny(quantization=Quantization.nf4)


def layers(shared: SharedModel) -> dict[str, Linear4bit]:
    return {name: module for name, module in shared.model.named_modules() if isinstance(module, Linear4bit)}


def weight_of(layer: Linear4bit) -> torch.Tensor:
    return dequantize_4bit(layer.weight.data, layer.weight.quant_state)


def test_every_linear_layer_but_the_head_is_nf4_with_double_quantisation(quantized: SharedModel) -> None:
    assert len(layers(quantized)) == 2 * 7
    for layer in layers(quantized).values():
        assert layer.weight.quant_type == "nf4"
        assert layer.weight.quant_state.nested
    assert quantized.model.get_output_embeddings().weight.dtype is torch.float32


def test_a_base_that_stays_unquantised_is_refused(load_tiny, tiny_cache: Path, tmp_path: Path) -> None:
    random_base("falcon").save_pretrained(tmp_path)  # its linear layers are of a class of their own
    AutoTokenizer.from_pretrained(weights.resolve(weights.TINY, tiny_cache)).save_pretrained(tmp_path)
    with pytest.raises(SalmonError, match="no layers that bitsandbytes can quantise"):
        load_tiny(path=str(tmp_path), quantization=Quantization.nf4, context=32)


def test_weights_are_close_to_fp32(tiny: SharedModel, quantized: SharedModel) -> None:
    """NF4's relative error on normal weights is 9-10 % (root mean square); noise of int4 would be 12 % and more."""
    for name, layer in layers(quantized).items():
        original = tiny.model.get_submodule(name).weight
        error = (weight_of(layer) - original).norm() / original.norm()
        assert 0.05 < error < 0.115, name


def test_the_forward_pass_is_that_of_the_rounded_weights(tiny: SharedModel, quantized: SharedModel) -> None:
    """So all that separates it from fp32 is the rounding: 1e-3 here, 0.1 and more from the fp32 weights."""
    batch = token_batch(*BATCH, 0, tiny.device)
    with torch.no_grad():
        rounded = response_logprobs(quantized, batch, 1.0)
        plain = response_logprobs(tiny, batch, 1.0)
        for name, layer in layers(quantized).items():
            tiny.model.get_submodule(name).weight.copy_(weight_of(layer))
        expected = response_logprobs(tiny, batch, 1.0)
    torch.testing.assert_close(rounded, expected, atol=1e-3, rtol=1e-3)
    assert 0.01 < (rounded - plain).abs().mean() < 1.0


def test_lora_trains_through_the_quantised_base(quantized: SharedModel) -> None:
    quantized.add_adapter("policy", seed=0)
    before = {name: weight_of(layer) for name, layer in layers(quantized).items()}
    parameters = quantized.parameters_of("policy")
    assert len(parameters) == 2 * 7 * 2
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-2)
    losses = []
    with quantized.using("policy"):
        for _ in range(3):
            loss = -response_logprobs(quantized, token_batch(*BATCH, 0, quantized.device), 1.0).mean()
            loss.backward()
            gradients = [p.grad for p in parameters.values()]
            assert all(g is not None and torch.isfinite(g).all() for g in gradients)
            assert sum(g.abs().sum() for g in gradients) > 0
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
    assert losses[2] < losses[0] - 0.1
    assert all(torch.equal(weight_of(layer), before[name]) for name, layer in layers(quantized).items())


def test_adapters_move_between_quantised_and_plain_bases(
    quantized: SharedModel, load_tiny, randomise, tmp_path
) -> None:
    quantized.add_adapter("policy", seed=0)
    randomise(quantized, "policy", seed=1)
    quantized.save_adapter("policy", tmp_path)
    plain = load_tiny()
    plain.load_adapter("copy", tmp_path)
    copies = plain.parameters_of("copy")
    for name, parameter in quantized.parameters_of("policy").items():
        assert torch.equal(copies[name.replace(".policy.", ".copy.")], parameter)
