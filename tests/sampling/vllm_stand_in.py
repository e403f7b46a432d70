"""The part of vLLM that ``rollout=vllm`` uses, on transformers and PEFT: for machines where vLLM is not installed.

It forgets and remembers as vLLM 0.32 does: an adapter is read once under its number, what was computed of a prompt is
kept under the adapter's name and folder, and an end token is the last of a response's tokens. Its names and
parameters are compared with the real ones where those are installed (tests/sampling/test_vllm_sampler.py).
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

INSTALLED = find_spec("vllm") is not None
KINDS = ["stand-in", pytest.param("vllm", marks=pytest.mark.skipif(not INSTALLED, reason="vllm is not installed"))]


@dataclass
class SamplingParams:
    temperature: float
    top_p: float
    max_tokens: int
    seed: int
    stop_token_ids: list[int]
    ignore_eos: bool
    logprobs: int
    detokenize: bool


@dataclass
class LoRARequest:
    lora_name: str
    lora_int_id: int
    lora_path: str


class LLMEngine:
    def __init__(self, base: Any) -> None:
        self.base, self.peft = base, None
        self.engine_core = SimpleNamespace(shutdown=lambda: None)
        self.loras: set[int] = set()

    def add_lora(self, lora_request: LoRARequest) -> bool:
        name = str(lora_request.lora_int_id)
        if lora_request.lora_int_id in self.loras:
            return False
        if self.peft is None:
            self.peft = PeftModel.from_pretrained(self.base, lora_request.lora_path, adapter_name=name)
        else:
            self.peft.load_adapter(lora_request.lora_path, adapter_name=name)
        self.loras.add(lora_request.lora_int_id)
        return True

    def remove_lora(self, lora_id: int) -> bool:
        self.loras.remove(lora_id)
        return True

    def list_loras(self) -> set[int]:
        return self.loras


class LLM:
    def __init__(
        self,
        model: str,
        *,
        revision: str | None,
        load_format: str,
        dtype: str,
        max_model_len: int,
        skip_tokenizer_init: bool,
        generation_config: str,
        logprobs_mode: str,
        enable_lora: bool,
        max_loras: int,
        max_cpu_loras: int,
        max_lora_rank: int,
        gpu_memory_utilization: float,
        use_tqdm_on_load: bool,
        enable_sleep_mode: bool,
        enforce_eager: bool,
        enable_chunked_prefill: bool = True,
        max_num_batched_tokens: int = 0,
    ) -> None:
        if gpu_memory_utilization > 0.95:
            raise ValueError("Free memory on device is less than desired GPU memory utilization")
        base = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype))
        self.llm_engine = LLMEngine(base)
        self.processed, self.sleepy = logprobs_mode == "processed_logprobs", enable_sleep_mode
        self.asleep, self.calls = False, list[str]()
        self.first: dict[tuple, torch.Tensor] = {}  # logits [V] after a prompt: the prefix cache

    def sleep(self, level: int = 1) -> None:
        assert self.sleepy and level == 1 and not self.asleep
        self.asleep = True
        self.first.clear()
        self.calls.append("sleep")

    def wake_up(self) -> None:
        assert self.asleep
        self.asleep = False
        self.calls.append("wake")

    def generate(
        self,
        prompts: Sequence[dict],
        sampling_params: Sequence[SamplingParams],
        *,
        use_tqdm: bool,
        lora_request: LoRARequest | None,
    ) -> list[SimpleNamespace]:
        assert not self.asleep
        self.calls.append("generate")
        return [
            SimpleNamespace(outputs=[self._one(prompt["prompt_token_ids"], params, lora_request)])
            for prompt, params in zip(prompts, sampling_params, strict=True)
        ]

    @torch.no_grad()
    def _one(self, prompt: list[int], params: SamplingParams, lora: LoRARequest | None) -> SimpleNamespace:
        generator = torch.Generator().manual_seed(params.seed)
        ids, logprobs = list[int](), list[dict]()
        key = (lora and (lora.lora_name, lora.lora_path), *prompt)
        stops = {*params.stop_token_ids, *([] if params.ignore_eos else [self.llm_engine.base.config.eos_token_id])}
        while len(ids) < params.max_tokens and not stops & set(ids):
            logits = self.first[key] if not ids and key in self.first else self._logits(prompt + ids, lora)
            self.first.setdefault(key, logits)
            values = (logits / (params.temperature or 1)).log_softmax(-1)
            if params.top_p < 1:
                order = values.argsort(descending=True)
                beyond = values[order].exp().cumsum(0) - values[order].exp() >= params.top_p
                values = values.index_fill(0, order[beyond], -torch.inf).log_softmax(-1)
            token = int(
                values.argmax() if params.temperature == 0 else torch.multinomial(values.exp(), 1, generator=generator)
            )
            shown = values if self.processed else logits.log_softmax(-1)
            ids.append(token)
            logprobs.append({token: SimpleNamespace(logprob=shown[token].item())})
        return SimpleNamespace(token_ids=ids, logprobs=logprobs, finish_reason="stop" if stops & set(ids) else "length")

    def _logits(self, ids: list[int], lora: LoRARequest | None) -> torch.Tensor:
        peft = self.llm_engine.peft
        if lora is None:
            if peft is None:
                return self.llm_engine.base(torch.tensor([ids])).logits[0, -1]
            with peft.disable_adapter():
                return peft(torch.tensor([ids])).logits[0, -1]
        self.llm_engine.add_lora(lora)
        assert peft is not None
        peft.set_adapter(str(lora.lora_int_id))
        return peft(torch.tensor([ids])).logits[0, -1]


CONTENTS = {
    "vllm": {"LLM": LLM, "SamplingParams": SamplingParams},
    "vllm.lora": {},
    "vllm.lora.request": {"LoRARequest": LoRARequest},
    "vllm.distributed": {"cleanup_dist_env_and_memory": lambda: None},
    "vllm.platforms": {"current_platform": SimpleNamespace(device_type="cpu")},
}


@contextmanager
def vllm(kind: str) -> Iterator[None]:
    """The package ``vllm`` inside the block: the real one, or the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        if kind == "stand-in":
            for name, contents in CONTENTS.items():
                module: Any = ModuleType(name)
                module.__spec__ = ModuleSpec(name, None)
                vars(module).update(contents)
                patch.setitem(sys.modules, name, module)
        yield
