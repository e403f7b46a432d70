"""``rollout=vllm``: responses are sampled by vLLM under the adapter as it is now.

The trainer recomputes every log-prob that it trains with; how far vLLM's own are from them is logged as
``sampler/logprob_difference``.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from salmon.config.model import ModelConfig
from salmon.config.sampling import RolloutConfig, SamplingSettings
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.runtime.adapter_files import adapter_identity, read_config
from salmon.runtime.seeding import seed_of
from salmon.sampling.preflight import require_one_end
from salmon.sampling.token_loop import Generation
from salmon.sampling.vllm_engine import VLLMEngine, require_vllm


class VLLMSampler:
    """A ``Sampler``; the engine starts with the first responses and ends with the ``with`` block."""

    def __init__(self, model: ModelConfig, rollout: RolloutConfig, cache: Path) -> None:
        """Raises ``SalmonError`` where vLLM is not installed."""
        require_vllm()
        self._settings = (model, rollout, cache)
        self._engine: VLLMEngine | None = None
        self._adapters: Adapters | None = None

    def __enter__(self) -> "VLLMSampler":
        return self

    def __exit__(self, *_: object) -> None:
        if self._engine is not None and self._adapters is not None:
            self._adapters.end()
            self._engine.end()

    def __call__(
        self,
        shared: SharedModel,
        adapter: str | None,
        prompts: Sequence[list[int]],
        keys: Sequence[tuple],
        sampling: SamplingSettings,
    ) -> list[Generation]:
        """See ``Sampler``; ``sampling.batch_size`` is not used, vLLM makes its own batches.

        Raises:
            SalmonError: a response of full length does not fit ``model.context``; vLLM does not take the adapter, or
                cannot stop where the chat template closes an answer.
        """
        longest = max(map(len, prompts))
        if longest + sampling.max_new_tokens > shared.context:
            raise SalmonError(
                f"a prompt of {longest} tokens and max_new_tokens={sampling.max_new_tokens} exceed "
                f"model.context={shared.context}, where vLLM would end the response: raise it, or lower "
                "prompts.max_tokens or max_new_tokens"
            )
        require_one_end(shared.chat)
        # 1. The engine, awake.
        if self._engine is None:
            self._engine = VLLMEngine(shared, *self._settings)
            self._adapters = Adapters(self._engine)
        self._engine.wake()
        # 2. The adapter as it is now.
        assert self._adapters is not None
        request = self._adapters.request(shared, adapter)
        # 3. Responses; the memory goes back to the trainer.
        outputs = self._engine.llm.generate(
            [{"prompt_token_ids": list(ids)} for ids in prompts],
            [params(key, sampling, shared.chat.end_ids) for key in keys],
            lora_request=request,
            use_tqdm=False,
        )
        self._engine.rest()
        return [generation(output.outputs[0]) for output in outputs]


def params(key: tuple, sampling: SamplingSettings, end_ids: frozenset[int]) -> Any:
    """vLLM's settings of one request.

    A response ends where ``generate`` ends it, at the chat format's end tokens and at no text; so vLLM's own idea of
    the end (``ignore_eos``) is not asked.
    """
    from vllm import SamplingParams

    return SamplingParams(
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        max_tokens=sampling.max_new_tokens,
        seed=seed_of(*key, "vllm") % 2**63,
        stop_token_ids=sorted(end_ids),
        ignore_eos=True,
        logprobs=0,
        detokenize=False,
    )


def generation(completion: Any) -> Generation:
    """From vLLM's ``CompletionOutput``; its tokens hold the end token, as ours do."""
    ids = list(completion.token_ids)
    logprobs = [step[token].logprob for token, step in zip(ids, completion.logprobs, strict=True)]
    return Generation(ids, logprobs, completion.finish_reason == "stop")


class Adapters:
    """The adapter's present weights in vLLM, under a number, a name and a folder that no others had.

    vLLM knows an adapter by its number and keeps what it read once; what it computed of a prompt it keeps by name and
    folder. Whether the weights have changed is told by the files themselves: some optimisers write past torch's own
    counter of changes.
    """

    def __init__(self, engine: VLLMEngine) -> None:
        self._engine = engine
        self._folder = tempfile.TemporaryDirectory(prefix="salmon-vllm-")
        self._version = 0
        self._identity: dict[str, str] = {}
        self._request: Any = None  # LoRARequest

    def request(self, shared: SharedModel, adapter: str | None) -> Any:
        """The ``LoRARequest`` of an adapter as it is now; None for the base.

        Raises:
            SalmonError: vLLM does not take it.
        """
        if adapter is None:
            return None
        folder = Path(self._folder.name) / str(self._version + 1)
        shared.save_adapter(adapter, folder)
        identity = adapter_identity(str(folder))
        if identity == self._identity:
            shutil.rmtree(folder)
        else:
            self._replace(folder)
            self._identity = identity
        return self._request

    def _replace(self, folder: Path) -> None:
        from vllm.lora.request import LoRARequest

        engine, rank = self._engine.llm.llm_engine, read_config(folder)["r"]
        if rank > self._engine.max_rank:
            raise SalmonError(
                f"the adapter has rank {rank}, and rollout=vllm has room for {self._engine.max_rank}: "
                f"set model.lora.r={rank}"
            )
        if self._request is not None:
            engine.remove_lora(self._request.lora_int_id)
            shutil.rmtree(self._request.lora_path)
        self._version += 1
        self._request = LoRARequest(f"adapter-{self._version}", self._version, str(folder))
        try:
            engine.add_lora(self._request)
        except (ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:300]
            raise SalmonError(f"vLLM does not take the adapter: {reason}. Use rollout=hf") from error

    def end(self) -> None:
        self._folder.cleanup()
