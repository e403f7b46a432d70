"""Settings of the base model and the adapters on it."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import cosmetic


class Quantization(Enum):
    none = "none"
    nf4 = "nf4"  # bitsandbytes 4-bit NormalFloat with double quantisation


class Dtype(Enum):
    auto = "auto"  # bfloat16 where the GPU supports it, else float32 (bf16 on a CPU is 100 x slower)
    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass
class LoraSettings:
    """LoRA on all linear layers except the language-model head."""

    r: int = MISSING  # rank
    alpha: float = MISSING  # the update is scaled by alpha / r
    dropout: float = MISSING


@dataclass
class ModelConfig:
    name: str = cosmetic()  # slug in run names, tags and tables
    path: str = MISSING  # hub id, local folder, "wheel:smollm2-135m-instruct" or "random:tiny"
    revision: str | None = MISSING  # hub revision (branch, tag or commit)
    quantization: Quantization = MISSING
    dtype: Dtype = MISSING  # compute dtype of the base
    context: int = MISSING  # longest sequence in tokens; must not exceed what the model was made for
    system_prompt: str = MISSING  # system message of every chat-formatted prompt; "" for none
    lora: LoraSettings = field(default_factory=LoraSettings)
    device: str = cosmetic()  # auto | cpu | cuda | cuda:N
    gradient_checkpointing: bool = cosmetic()
