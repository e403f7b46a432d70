"""Our adapters against what vLLM's loader asks of one: its rules, not its code, which test_vllm_sampler.py runs where
it is installed.

Read in vllm-project/vllm, vllm/lora/peft_helper.py (``validate_legal``), vllm/lora/lora_model.py
(``from_local_checkpoint``), vllm/lora/utils.py (``parse_fine_tuned_lora_name``) and vllm/config/lora.py:

- ``adapter_config.json`` has r, lora_alpha and target_modules; bias is "none", modules_to_save null, no DoRA;
- r is at most ``max_lora_rank`` (--max-lora-rank, 16 unless given; 1, 8, 16, 32, 64, 128, 256, 320, 512 exist);
- weights are ``adapter_model.safetensors``, each tensor ``base_model.model.<module>.lora_A|lora_B.weight``, and the
  module's last part is one that the model supports: for Llama the seven projections;
- A is [r, in] and B is [out, r] for each module, both or neither.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from salmon.config.model import LoraSettings
from salmon.models.base import SharedModel

LLAMA = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def faults(folder: Path, max_lora_rank: int) -> list[str]:
    """What vLLM would refuse."""
    config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text())
    found = [f"no {key}" for key in ("r", "lora_alpha", "target_modules") if key not in config]
    if found:
        return found
    found += [
        key
        for key, plain in (("bias", "none"), ("modules_to_save", None), ("use_dora", False))
        if config.get(key, plain) != plain
    ]
    if config["r"] > max_lora_rank:
        found.append("rank")
    if type(config["r"]) is not int or type(config["lora_alpha"]) is not int:
        found.append("numbers")  # vLLM's types; Python would take a float
    parts: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in load_file(folder / "adapter_model.safetensors").items():
        words = name.split(".")
        if words[:2] != ["base_model", "model"] or words[-1] != "weight" or words[-2] not in ("lora_A", "lora_B"):
            found.append(f"name {name}")
        elif words[-3] not in LLAMA:
            found.append(f"module {words[-3]}")
        parts.setdefault(".".join(words[2:-2]), {})[words[-2]] = tensor
    for module, pair in parts.items():
        if [pair[part].shape[axis] for axis, part in enumerate(sorted(pair))] != [config["r"]] * 2:
            found.append(f"pair {module}")
    if set(config["target_modules"]) != {module.rpartition(".")[2] for module in parts}:
        found.append("target_modules")
    return found


@pytest.fixture
def saved(load_tiny, randomise, tmp_path: Path) -> Path:
    shared: SharedModel = load_tiny(lora=LoraSettings(r=64, alpha=16.0, dropout=0.0))  # the paper's
    shared.add_adapter("policy", seed=0)
    randomise(shared, "policy", seed=1)
    shared.save_adapter("policy", tmp_path / "policy")
    return tmp_path / "policy"


def test_our_adapter_is_one_that_vllm_takes(saved: Path) -> None:
    assert faults(saved, max_lora_rank=64) == []
    assert faults(saved, max_lora_rank=16) == ["rank"]  # its default: --max-lora-rank 64 must be given


def test_an_adapter_that_was_loaded_and_saved_again_is_one_too(saved: Path, tiny: SharedModel, tmp_path: Path) -> None:
    tiny.load_adapter("policy", saved)
    tiny.save_adapter("policy", tmp_path / "again")
    assert faults(tmp_path / "again", max_lora_rank=64) == []


@pytest.mark.parametrize("targets", [["model.layers.0.self_attn.q_proj"], r".*layers\.1\.mlp\.(up|down)_proj"])
def test_an_adapter_on_some_layers_only_stays_there(targets: Any, tiny: SharedModel, load_tiny, tmp_path: Path) -> None:
    plain = get_peft_model(load_tiny().model, LoraConfig(r=2, target_modules=targets, init_lora_weights=False))
    plain.save_pretrained(str(tmp_path / "given"))
    tiny.load_adapter("given", tmp_path / "given")
    tiny.save_adapter("given", tmp_path / "again")
    fresh: SharedModel = load_tiny()
    fresh.load_adapter("again", tmp_path / "again")
    assert (
        len(fresh.parameters_of("again")) == len(tiny.parameters_of("given")) == (2 if isinstance(targets, list) else 4)
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"bias": "all"}, "bias"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"use_dora": True}, "use_dora"),
        ({"lora_alpha": 16.0}, "numbers"),
        ({"target_modules": ["q_proj"]}, "target_modules"),
    ],
)
def test_configs_that_it_refuses_are_told(saved: Path, change: dict[str, Any], fault: str) -> None:
    config = json.loads((saved / "adapter_config.json").read_text())
    (saved / "adapter_config.json").write_text(json.dumps(config | change))
    assert faults(saved, max_lora_rank=64) == [fault]


def test_tensors_that_it_refuses_are_told(saved: Path) -> None:
    file = saved / "adapter_model.safetensors"
    tensors = load_file(file)
    first = min(tensors)
    save_file({k: v for k, v in tensors.items() if k != first}, file)
    assert faults(saved, 64)[0].startswith("pair ")
    save_file(tensors | {"base_model.model.lm_head.lora_A.weight": torch.zeros(64, 4)}, file)
    assert "module lm_head" in faults(saved, 64)
    save_file({k.replace(".weight", ".policy.weight"): v for k, v in tensors.items()}, file)
    assert faults(saved, 64)[0].startswith("name ")
