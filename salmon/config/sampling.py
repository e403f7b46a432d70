"""Settings of sampling: how responses are drawn, and what draws them."""

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import setting
from salmon.config.training import AUTO


class RolloutBackend(Enum):
    hf = "hf"  # transformers, with the weights that are trained
    vllm = "vllm"  # vLLM, with its own copy of the base (salmon/sampling/vllm_sampler.py)


@dataclass
class SamplingSettings:
    temperature: float = setting(at_least=0)  # 0 = always the most probable token
    top_p: float = setting(above=0, at_most=1)  # sample from the most probable tokens of this total; 1.0 = from all
    max_new_tokens: int = setting(at_least=1)  # longest response in tokens
    batch_size: int = setting(cosmetic=True, at_least=1)  # responses generated together


@dataclass
class RolloutConfig:
    """What samples the responses of preferences, PPO and best-of-n (salmon/sampling/responses.py)."""

    backend: RolloutBackend = MISSING
    # hf on a CPU in fp32: sample from a copy of the weights with the adapter merged in. Faster, in as much memory again
    merged_copy: bool = setting(cosmetic=True)
    # A base in NF4 is unpacked once for all answers that are sampled together, not once a token; auto: where the plan
    # says that it fits. vllm reads such a base from files of plain weights, with auto and true alike.
    dequantize: bool | str = setting(cosmetic=True, words=(AUTO,))
    # The others are for vllm only.
    # Share of the GPU's memory (on a CPU: of RAM) that vLLM takes for its weights and KV cache.
    gpu_memory_utilization: float = setting(cosmetic=True, above=0, below=1, reason="the trainer needs the rest")
    sleep: bool = setting(cosmetic=True)  # give that memory back between rollouts; vLLM's weights then wait in RAM
    enforce_eager: bool = setting(cosmetic=True)  # no CUDA graphs or compilation: starts sooner, samples slower
