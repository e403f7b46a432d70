"""The base of true shape and random weights that GPU checks use (tests/random_base.py), at a small shape."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bitsandbytes.nn import Linear4bit

from salmon.config.model import Dtype, ModelConfig, Quantization
from salmon.models.forward import response_logprobs, token_batch
from salmon.plan.memory import base_weights
from salmon.plan.shapes import shape_of
from tests.random_base import random_base

SHAPE = {
    "model_type": "llama",
    "vocab_size": 600,
    "hidden_size": 128,
    "intermediate_size": 320,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": False,
}


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("quantization", list(Quantization))
def test_it_weighs_what_the_plan_says_and_trains(
    quantization: Quantization, tied: bool, tiny_config: ModelConfig, tiny_cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(SHAPE | {"tie_word_embeddings": tied}))
    model = replace(tiny_config, path=str(tmp_path), quantization=quantization, dtype=Dtype.bfloat16, context=256)
    shared = random_base(model, tiny_cache)
    nf4 = quantization is Quantization.nf4
    packed = [module for module in shared.model.modules() if isinstance(module, Linear4bit)]
    assert len(packed) == (3 * 7 if nf4 else 0) and all(layer.weight.quant_state.nested for layer in packed)
    held = {t.data_ptr(): t.nbytes for t in shared.model.parameters()}
    scales = sum(
        s.nbytes for layer in packed for s in (layer.weight.quant_state.absmax, layer.weight.quant_state.state2.absmax)
    )
    expected = base_weights(shape_of(str(tmp_path), None), 2, nf4)
    assert sum(held.values()) + scales == pytest.approx(expected, rel=0.01)

    shared.add_adapter("policy", seed=0)
    with shared.using("policy"):
        batch = token_batch([[5, 6]], [[599, 300]], 0, shared.device)
        response_logprobs(shared, batch, 1.0).sum().backward()
    assert all(p.grad is not None for p in shared.parameters_of("policy").values())
    ids = shared.chat.encode("w300? \n- w303")
    assert max(ids) < 600 and torch.tensor([shared.chat.decode([n]) != "" for n in range(3, 600)]).all()
