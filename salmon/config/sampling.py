"""Settings of sampling: how responses are drawn, and what draws them."""

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import cosmetic


class RolloutBackend(Enum):
    hf = "hf"  # transformers, with the weights that are trained
    vllm = "vllm"  # an engine with a copy of the base of its own (salmon/sampling/vllm_sampler.py)


@dataclass
class SamplingSettings:
    temperature: float = MISSING
    top_p: float = MISSING  # 1.0 = the whole distribution
    max_new_tokens: int = MISSING
    batch_size: int = cosmetic()  # sequences generated together


@dataclass
class RolloutConfig:
    """What samples the responses of preferences, PPO and best-of-n (salmon/sampling/responses.py)."""

    backend: RolloutBackend = MISSING
    # Of vllm only:
    gpu_memory_utilization: float = cosmetic()  # share of the GPU's memory for weights and KV cache; of RAM on a CPU
    sleep: bool = cosmetic()  # give that memory back between rollouts (GPU only); its weights then wait in RAM
    enforce_eager: bool = cosmetic()  # no CUDA graphs or compilation: starts sooner, samples slower; always on a CPU
