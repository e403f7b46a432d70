"""Folders laid out like the original project's checkpoints, made with PEFT and torch on a given base.

The layouts are those of its hub pages (zhiqings/dromedary-2-70b-qlora-delta-v0, zhiqings/salmon-rm-70b-qlora-delta-v0)
and of what its PPO trainer saves; keys of the configs are those of PEFT 0.4, weights are bf16 pickles.
"""

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from torch import Tensor, nn
from transformers import LlamaForCausalLM, PreTrainedModel

from salmon.models.weights import resolve

TARGETS = ["o_proj", "q_proj", "up_proj", "v_proj", "down_proj", "k_proj", "gate_proj"]
OLD_CONFIG = {
    "auto_mapping": None,
    "base_model_name_or_path": "/path/to/llama-2-70b-hf",
    "bias": "none",
    "fan_in_fan_out": False,
    "inference_mode": True,
    "init_lora_weights": True,
    "layers_pattern": None,
    "layers_to_transform": None,
    "lora_alpha": 16,
    "lora_dropout": 0.0,
    "modules_to_save": None,
    "peft_type": "LORA",
    "r": 8,
    "revision": None,
    "target_modules": TARGETS,
    "task_type": "CAUSAL_LM",
}
OLDER_KEYS = {"merge_weights": False, "enable_lora": None}  # PEFT 0.2's


def base_model(cache: Path) -> LlamaForCausalLM:
    return LlamaForCausalLM.from_pretrained(resolve("random:tiny", cache), dtype=torch.float32).eval()


def peft_model(cache: Path, seed: int) -> PreTrainedModel:
    """A LoRA on every linear layer, whose weights are exact in bf16."""
    config = LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=TARGETS, task_type="CAUSAL_LM")
    model = get_peft_model(base_model(cache), config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if "lora_" in name:
                parameter.copy_((0.1 * torch.randn(parameter.shape, generator=generator)).bfloat16())
    return model


def write_adapter(folder: Path, model: PreTrainedModel, **config: object) -> dict[str, Tensor]:
    folder.mkdir(parents=True)
    tensors = {name: tensor.bfloat16() for name, tensor in get_peft_model_state_dict(model).items()}
    torch.save(tensors, folder / "adapter_model.bin")
    (folder / "adapter_config.json").write_text(json.dumps(OLD_CONFIG | config))
    return tensors


def write_head(file: Path, hidden_size: int, seed: int) -> nn.Linear:
    torch.manual_seed(seed)
    head = nn.Linear(hidden_size, 1)
    torch.save(head.state_dict(), file)
    return head
