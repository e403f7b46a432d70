"""Shapes beside transformers' own models on the meta device: no weights, no hub."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from salmon.errors import SalmonError
from salmon.plan.published import KNOWN
from salmon.plan.shapes import from_config, shape_of

OTHERS = {
    "qwen2": {
        "model_type": "qwen2",
        "vocab_size": 500,
        "hidden_size": 64,
        "intermediate_size": 160,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
    "mistral": {
        "model_type": "mistral",
        "vocab_size": 500,
        "hidden_size": 64,
        "intermediate_size": 160,
        "head_dim": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "tie_word_embeddings": False,
    },
}


@pytest.mark.parametrize("name", [*KNOWN, *OTHERS])
def test_parameters_are_those_of_the_model(name: str) -> None:
    config = (KNOWN | OTHERS)[name]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config))
    assert from_config(config, name).parameters == model.num_parameters()


def test_llama_2_has_the_parameters_that_its_paper_says() -> None:
    counts = [shape_of(f"meta-llama/Llama-2-{size}-hf", None).parameters for size in ("7b", "13b", "70b")]
    assert counts == [6_738_415_616, 13_015_864_320, 68_976_648_192]


@pytest.mark.parametrize(
    ("path", "count"),
    [
        ("meta-llama/Llama-3.1-8B", 8_030_261_248),
        ("meta-llama/Llama-3.1-70B", 70_553_706_496),
        ("allenai/OLMo-2-1124-7B", 7_298_617_344),
        ("Qwen/Qwen3-0.6B-Base", 596_049_920),
        ("Qwen/Qwen3-8B-Base", 8_190_735_360),
        ("HuggingFaceTB/SmolLM2-360M-Instruct", 361_821_120),
        ("HuggingFaceTB/SmolLM2-1.7B-Instruct", 1_711_376_384),
    ],
)
def test_open_bases_have_the_parameters_that_their_pages_say(path: str, count: int) -> None:
    assert shape_of(path, None).parameters == count


@pytest.mark.parametrize(("layers", "first"), [(None, 0), (1, 0), (None, 1)])
def test_adapters_have_the_parameters_that_peft_makes(tiny, layers: int | None, first: int) -> None:
    tiny.add_adapter("one", 0, layers, first)
    counted = sum(p.numel() for p in tiny.parameters_of("one").values())
    assert shape_of("random:tiny", None).adapter_parameters(tiny.lora.r, layers, first) == counted


def test_a_folder_needs_its_config_json_only(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(OTHERS["qwen2"]))
    assert shape_of(str(tmp_path), None).qkv_bias


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (None, "No such file"),
        ("{", "Expecting"),
        ("{}", "model_type=None"),
        ('{"model_type": "gpt2"}', "llama, mistral"),
        (json.dumps({"model_type": "llama", "hidden_size": 8}), "num_attention_heads"),
    ],
    ids=["absent", "no json", "empty", "another architecture", "incomplete"],
)
def test_an_unknown_shape_says_what_to_give(tmp_path: Path, config: str | None, said: str) -> None:
    if config is not None:
        (tmp_path / "config.json").write_text(config)
    with pytest.raises(SalmonError, match=said):
        shape_of(str(tmp_path), None)


def test_a_hub_id_without_a_hub() -> None:
    with pytest.raises(SalmonError, match="Known without a hub: .*Llama-2-7b.*model.path=FOLDER"):
        shape_of("nobody/nothing", None)


def test_more_layers_than_there_are() -> None:
    with pytest.raises(SalmonError, match="reward.layers=3: this base has 2 layers"):
        shape_of("random:tiny", None).depth(3)
