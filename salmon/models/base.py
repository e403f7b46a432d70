"""The shared base: one set of weights, any number of LoRA adapters on it."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from salmon.config.model import LoraSettings, ModelConfig, Quantization
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.chat import ChatFormat
from salmon.models.device import pick_device, pick_dtype
from salmon.models.passes import first_layers, recomputing
from salmon.models.split_base import load_split
from salmon.runtime.adapter_files import CONFIG, WEIGHTS, adapter_in, read_config
from salmon.runtime.seeding import seed_of

log = logging.getLogger("salmon")


@dataclass
class SharedModel:
    """A frozen base with named adapters; exactly one adapter, or none, is active at a time.

    ``model`` is the transformers model itself: adapters are injected into its layers, so calling it
    always runs whatever ``using`` has made active.
    """

    model: PreTrainedModel
    tokenizer: Any
    chat: ChatFormat
    lora: LoraSettings
    path: str  # ``model.path`` of the config, recorded in saved adapters
    context: int  # longest sequence in tokens
    _peft: PeftModel | None = field(default=None, repr=False)

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def hidden_size(self) -> int:
        return self.model.config.hidden_size

    @property
    def adapters(self) -> list[str]:
        return list(self._peft.peft_config) if self._peft else []

    def add_adapter(self, name: str, seed: int, layers: int | None = None) -> None:
        """A new adapter that changes nothing yet (LoRA B is zero), initialised from ``seed``.

        Args:
            layers: on the first so many layers only; None is all of them.
        """
        config = LoraConfig(
            r=self.lora.r,
            lora_alpha=self.lora.alpha,  # type: ignore[arg-type]  # a float is fine
            lora_dropout=self.lora.dropout,
            target_modules="all-linear" if layers is None else self._linear_names(),
            layers_to_transform=None if layers is None else list(range(layers)),
            bias="none",
            task_type="CAUSAL_LM",
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed_of(seed, "adapter", name) % 2**63)
            if self._peft is None:
                self._peft = get_peft_model(self.model, config, adapter_name=name)
            else:
                self._peft.add_adapter(name, config)
        self._freeze()

    def _linear_names(self) -> list[str]:
        """Names of the linear modules in a layer (PEFT takes no ``layers_to_transform`` with "all-linear")."""
        head = self.model.get_output_embeddings()
        return sorted(
            {
                name.rpartition(".")[2].removesuffix("base_layer") or name.split(".")[-2]
                for name, module in self.model.named_modules()
                if isinstance(module, nn.Linear) and module is not head and "lora_" not in name
            }
        )

    def load_adapter(self, name: str, folder: Path) -> None:
        """Load the adapter of a folder (see ``salmon/runtime/adapter_files.py``) under ``name``.

        Raises:
            SalmonError: the folder is incomplete or holds a pickle, or was made for another base.
        """
        folder = adapter_in(folder) or folder
        for file in (CONFIG, WEIGHTS):
            if not (folder / file).is_file():
                raise SalmonError(f"no adapter in {folder}: {file} is missing")
        made_for = read_config(folder).get("base_model_name_or_path")
        if made_for and made_for != self.path:
            log.warning("adapter %s names its base as %s; this run's base is %s", folder, made_for, self.path)
        try:
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
            else:
                self._peft.load_adapter(str(folder), adapter_name=name)
            self._check_complete(name, folder)
        except (RuntimeError, ValueError, KeyError, SafetensorError) as error:
            reason = " ".join(str(error).split())[:300]
            raise SalmonError(
                f"the adapter in {folder} (made for {made_for}) does not fit the base {self.path}: {reason}"
            ) from error
        self._freeze()

    def save_adapter(self, name: str, folder: Path) -> None:
        """Write ``name`` in PEFT's format (adapter_config.json, adapter_model.safetensors)."""
        assert self._peft is not None
        folder.mkdir(parents=True, exist_ok=True)
        state = get_peft_model_state_dict(self._peft, adapter_name=name, save_embedding_layers=False)
        save_file(
            {key: value.detach().cpu().contiguous() for key, value in state.items()},
            folder / WEIGHTS,
            metadata={"format": "pt"},
        )
        config: Any = self._peft.peft_config[name]
        config.base_model_name_or_path, config.inference_mode = self.path, True
        if config.lora_alpha == int(config.lora_alpha):
            config.lora_alpha = int(config.lora_alpha)  # loaders in typed languages expect PEFT's int
        config.target_modules = self._target_modules(config, state)
        config.save_pretrained(str(folder))

    def _target_modules(self, config: Any, state: Mapping[str, Tensor]) -> Any:
        """The adapted modules by the last parts of their names, as other loaders want them, where that is exact."""
        adapted = {key.rpartition(".lora_")[0].removeprefix("base_model.model.") for key in state}
        short = {name.rpartition(".")[2] for name in adapted}
        meant = {name for name, _ in self.model.named_modules() if name.rpartition(".")[2] in short}
        if meant == adapted:
            return sorted(short)
        given = config.target_modules
        return given if isinstance(given, str) else sorted(given)  # a set: its order would differ between runs

    def _check_complete(self, name: str, folder: Path) -> None:
        """PEFT only warns about tensors that the file lacks or that this base has no layer for."""
        with safe_open(folder / WEIGHTS, "pt") as file:
            given = set(file.keys())
        state = get_peft_model_state_dict(self._peft, adapter_name=name, save_embedding_layers=False)
        expected = set(state)
        if given != expected:
            raise ValueError(
                f"{len(expected - given)} of its tensors are missing, {len(given - expected)} have no "
                f"layer here, e.g. {min(given ^ expected)}"
            )
        broken = sorted(key for key, tensor in state.items() if not tensor.isfinite().all())
        if broken:
            raise ValueError(f"{len(broken)} of its tensors hold NaN or infinity, e.g. {broken[0]}")

    def remove_adapter(self, name: str) -> None:
        assert self._peft is not None
        self._peft.delete_adapter(name)

    def clear(self) -> None:
        """Remove every adapter."""
        for name in self.adapters:
            self.remove_adapter(name)

    @contextmanager
    def using(self, name: str | None) -> Iterator[None]:
        """Make an adapter active; ``None`` is the plain base."""
        if name is not None and name not in self.adapters:
            raise KeyError(name)
        if self._peft is None or not self.adapters:
            yield
        elif name is None:
            if self._peft.active_adapter not in self.adapters:  # PEFT keeps the name of a removed adapter
                self._peft.set_adapter(self.adapters[0])
            with self._peft.disable_adapter():
                yield
        else:
            self._peft.set_adapter(name)
            yield

    def parameters_of(self, name: str) -> dict[str, nn.Parameter]:
        """The adapter's trainable tensors by name, in a fixed order."""
        return {key: p for key, p in self.model.named_parameters() if f".{name}." in key and "lora_" in key}

    def hidden_states(self, ids: Tensor, attention_mask: Tensor, layers: int | None = None) -> Tensor:
        """Last hidden states [B, L, D] under the active adapter; ids and mask (1 = real token) are [B, L].

        Args:
            layers: run through the first so many layers (and the final norm) only; None is all of them.

        Raises:
            SalmonError: the base has fewer layers.
        """
        return self.decode(ids, attention_mask, positions(attention_mask), layers)

    def decode(self, ids: Tensor, mask: Tensor, position_ids: Tensor, layers: int | None = None) -> Tensor:
        """The same for a mask of any kind (additive [B, 1, L, L], or 1 = real token [B, L]) and given positions."""
        decoder = self.model.get_decoder()
        with first_layers(decoder.config, layers), recomputing(decoder, torch.is_grad_enabled()):
            return decoder(
                input_ids=ids, attention_mask=mask, position_ids=position_ids, use_cache=False
            ).last_hidden_state

    def _freeze(self) -> None:
        # PEFT leaves the adapter it touched last trainable; training asks for gradients by ``using``.
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)


def positions(attention_mask: Tensor) -> Tensor:
    """Position of each real token [B, L]: padding on any side does not shift it."""
    return (attention_mask.long().cumsum(-1) - 1).clamp(min=0)


def load_base(model: ModelConfig, cache: Path) -> SharedModel:
    """Load the configured base with its tokenizer and chat format.

    Raises:
        SalmonError: weights cannot be found, fetched or read, or are shorter of context than asked.
    """
    transformers_logging.disable_progress_bar()
    folder = weights.resolve(model.path, cache)
    device = pick_device(model.device)
    dtype = pick_dtype(model.dtype, device)
    quantization = None
    if model.quantization is Quantization.nf4:
        quantization = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, revision=model.revision)
        if world().splits_weights:
            base = load_split(folder, model.revision, dtype)
        else:
            base = AutoModelForCausalLM.from_pretrained(
                folder,
                revision=model.revision,
                dtype=dtype,
                use_safetensors=True,
                quantization_config=quantization,
                device_map={"": device},
            )
    except (OSError, ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:400]
        raise SalmonError(f"cannot load model.path={model.path}: {reason}") from error
    return as_shared(base, tokenizer, model)


def as_shared(base: PreTrainedModel, tokenizer: Any, model: ModelConfig) -> SharedModel:
    """Freeze a base, and make it ready for adapters.

    Raises:
        SalmonError: it is shorter of context than asked.
    """
    limit = base.config.max_position_embeddings
    if model.context > limit:
        raise SalmonError(f"model.context={model.context} is longer than {model.path} allows ({limit})")
    base.eval()
    base.requires_grad_(False)
    if model.gradient_checkpointing:
        # Split weights are fetched layer by layer, in all processes alike, wherever the last saved tensor lies.
        base.gradient_checkpointing_enable({"use_reentrant": False, "early_stop": not world().splits_weights})
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return SharedModel(
        base, tokenizer, ChatFormat(tokenizer, model.system_prompt), model.lora, model.path, model.context
    )
