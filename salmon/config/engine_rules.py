"""Rules about the processes of a job, and what samples in them."""

from collections.abc import Iterator

from salmon.config.model import Quantization
from salmon.config.run import Engine
from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.config.training import Optimizer
from salmon.config.walk import settings

MAX_VLLM_RANK = 512  # vllm.config.lora.MaxLoRARanks


def engine_rules(config: Config) -> Iterator[str]:
    engine = config.engine.kind
    if not engine.splits_state:
        return
    for key, value, _ in settings(config):
        if isinstance(value, Optimizer) and value is not Optimizer.adamw and key.split(".")[0] in config.stages:
            yield f"{key}={value.name} cannot be split over processes: with engine={engine.name} use {key}=adamw"
    if engine is Engine.zero3 and config.model.quantization is not Quantization.none:
        yield (
            f"model.quantization={config.model.quantization.name} cannot be split over processes: with engine=zero3 "
            "use model.quantization=none, or keep it and use engine=zero2 or engine=ddp"
        )


def rollout_rules(config: Config) -> Iterator[str]:
    """What the vllm backend cannot do, or would do otherwise than the trainer and say nothing."""
    if config.rollout.backend is not RolloutBackend.vllm:
        return
    if config.model.quantization is not Quantization.none and config.rollout.dequantize is False:
        yield (
            f"rollout=vllm cannot read the base as model.quantization={config.model.quantization.value}, and would "
            "sample from another model than the trained one: set rollout.dequantize=true, or rollout=hf"
        )
    if config.engine.kind is not Engine.single:
        yield (
            f"rollout=vllm runs in a job of one process, not with engine={config.engine.kind.value}: set "
            "engine=single, or rollout=hf"
        )
    if config.model.device not in ("auto", "cpu", "cuda", "cuda:0"):
        yield (
            f"rollout=vllm takes the first GPU that it sees, not model.device={config.model.device}: start with "
            "CUDA_VISIBLE_DEVICES set to that GPU's number, and set model.device=cuda"
        )
    if config.model.lora.r > MAX_VLLM_RANK:
        yield f"rollout=vllm takes adapters of rank {MAX_VLLM_RANK} at most, not model.lora.r={config.model.lora.r}"
    sampled = {"preferences": config.preferences.sampling, "ppo": config.ppo.sampling}
    if config.sft.source is SFTSource.styled:
        sampled["sft"] = config.sft.sampling
    for where, sampling in sampled.items():
        if sampling.temperature and not 0.01 <= sampling.temperature <= 2:
            yield (
                f"{where}.sampling.temperature={sampling.temperature}: rollout=vllm takes 0, and 0.01 to 2; set one "
                "of these, or rollout=hf"
            )
