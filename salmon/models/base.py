"""The shared base: one set of weights, any number of LoRA adapters on it, and forward passes through it."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float, Int, Real
from peft import PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.tuners_utils import BaseTuner
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from salmon.config.model import LoraSettings
from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.models.decoder import decoder_of, run_decoder
from salmon.models.layer_control import first_layers, gradient_checkpointing
from salmon.models.library_errors import refusing
from salmon.models.lora import check_loaded, lora_config, saved_target_modules
from salmon.models.output_head import OutputHead
from salmon.models.packing.flat import FlatSequences, Paths, flatten, unused_mask
from salmon.models.stacked_adapters import stacked
from salmon.models.tokenizer import embedded_tokens
from salmon.models.weights import same_base
from salmon.runtime.adapter_files import CONFIG, WEIGHTS, adapter_in, read_config
from salmon.runtime.micro_batches import TOKENS
from salmon.runtime.seeding import seed_of

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class Abilities:
    """What a base can do, besides running sequences from their start, padded on either side."""

    state_size: int = 0  # D of a last hidden state, which may differ from that of the layers (OPT)
    cache: bool = True  # go on token by token from a cache of those before, in a batch that sequences leave
    chunk: bool = True  # go on from a cache with several tokens at once
    pack: bool = True  # keep sequences in one row apart by a mask (salmon/models/packing)
    flatten: bool = True  # share what sequences begin with, without padding (salmon/models/packing/flat.py)
    cut: bool = True  # run its first layers only (``reward.layers``)


@dataclass
class SharedModel:
    """A frozen base with named adapters; exactly one adapter, or none, is active at a time.

    ``model`` is the transformers model itself: adapters are injected into its layers, so calling it always runs
    whatever ``using`` has made active.
    """

    model: PreTrainedModel
    tokenizer: Any
    chat: ChatFormat
    lora: LoraSettings
    path: str  # ``model.path`` of the config, recorded in saved adapters
    context: int  # longest sequence in tokens
    identity: dict[str, Any]  # everything that decides what it computes (salmon/models/identity.py)
    tokens_at_once: int = TOKENS  # of a micro-batch whose size is auto
    can: Abilities = Abilities()  # what it can do; ``salmon.models.probe`` finds it out
    head: OutputHead = field(init=False, repr=False)  # from last hidden states to raw logits
    _peft: PeftModel | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.head = OutputHead(self.model)

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def hidden_size(self) -> int:
        """Size D of a last hidden state."""
        return self.can.state_size

    @property
    def vocabulary(self) -> int:
        """Tokens that have an embedding."""
        return embedded_tokens(self.model)

    @property
    def pad_id(self) -> int:
        """A token for places that are masked: any will do that has an embedding."""
        named = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id)
        return next((token for token in named if token is not None and token < self.vocabulary), 0)

    @property
    def adapters(self) -> list[str]:
        return list(self._peft.peft_config) if self._peft else []

    def add_adapter(self, name: str, seed: int, layers: int | None = None, first_layer: int = 0) -> None:
        """Add an adapter that changes nothing yet (LoRA B is zero), initialised from ``seed`` and ``name``.

        Args:
            layers: on the first so many layers only; None is all of them.
            first_layer: of them, the first that has it.
        """
        config = lora_config(self.model, self.lora, layers, first_layer)
        with torch.random.fork_rng():
            torch.manual_seed(seed_of(seed, "adapter", name) % 2**63)
            if self._peft is None:
                self._peft = get_peft_model(self.model, config, adapter_name=name)
            else:
                self._peft.add_adapter(name, config)
        self._freeze()

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
        if made_for and not same_base(made_for, self.path):
            log.warning("adapter %s names its base as %s; this run's base is %s", folder, made_for, self.path)
        with refusing(f"the adapter in {folder} (made for {made_for}) does not fit the base {self.path}"):
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self.model, str(folder), adapter_name=name)
            else:
                self._peft.load_adapter(str(folder), adapter_name=name)
            check_loaded(folder / WEIGHTS, self._adapter_tensors(name))
        self._freeze()

    def save_adapter(self, name: str, folder: Path) -> None:
        """Write ``name`` in PEFT's format (adapter_config.json, adapter_model.safetensors)."""
        assert self._peft is not None
        folder.mkdir(parents=True, exist_ok=True)
        tensors = self._adapter_tensors(name)
        save_file(
            {key: value.detach().cpu().contiguous() for key, value in tensors.items()},
            folder / WEIGHTS,
            metadata={"format": "pt"},
        )
        config: Any = self._peft.peft_config[name]
        config.base_model_name_or_path, config.inference_mode = self.path, True
        if config.lora_alpha == int(config.lora_alpha):
            config.lora_alpha = int(config.lora_alpha)  # loaders in typed languages expect PEFT's int
        config.target_modules = saved_target_modules(self.model, config, tensors)
        config.save_pretrained(str(folder))

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

    @contextmanager
    def using_together(self, names: Sequence[str]) -> Iterator[None]:
        """Make part i of S equal parts of a batch run under ``names[i]``; the adapters must be ``stackable``."""
        with self.using(names[0]):
            if len(names) == 1:
                yield
                return
            assert self._peft is not None
            cast(BaseTuner, self._peft.base_model).set_adapter(list(names))  # gradients for all of them
            with stacked(self.model, names):
                yield

    def parameters_of(self, name: str) -> dict[str, nn.Parameter]:
        """The adapter's trainable tensors by name, in a fixed order."""
        return {key: p for key, p in self.model.named_parameters() if f".{name}." in key and "lora_" in key}

    def hidden_states(
        self, ids: Int[Tensor, "B L"], attention_mask: Real[Tensor, "B L"], layers: int | None = None
    ) -> Float[Tensor, "B L D"]:
        """Last hidden states under the active adapter; padding may be on either side.

        Args:
            ids: token ids.
            attention_mask: 1 = real token, 0 = padding.
            layers: run through the first so many layers (and the final norm) only; None is all of them.

        Returns:
            The states; at padding they mean nothing.

        Raises:
            SalmonError: the base has fewer layers.
        """
        return self.decoder_forward(ids, attention_mask, positions(attention_mask), layers)

    def decoder_forward(
        self,
        ids: Int[Tensor, "B L"],
        mask: Real[Tensor, "B L"] | Float[Tensor, "B 1 L L"] | Float[Tensor, "1 1 1 1"],
        position_ids: Int[Tensor, "B L"],
        layers: int | None = None,
        paths: Paths | None = None,
    ) -> Float[Tensor, "B L D"]:
        """Like ``hidden_states``, for any mask and positions.

        Args:
            ids: token ids.
            mask: 1 = real token; or additive, of each query and key; or ``unused_mask``.
            position_ids: of each token in its own sequence.
            layers: as for ``hidden_states``.
            paths: as for ``run_decoder``.
        """
        decoder = decoder_of(self.model)
        with self._running(decoder, layers), gradient_checkpointing(decoder, torch.is_grad_enabled()):
            return run_decoder(decoder, ids, mask, position_ids, paths=paths)

    def flat_states(
        self, sequences: Sequence[Sequence[int]], layers: int | None = None, parts: int = 1
    ) -> tuple[Float[Tensor, "S T D"], FlatSequences]:
        """Last hidden states of sequences in one row without padding, and where each sequence's tokens stand in it.

        Args:
            sequences: token ids.
            layers: as for ``hidden_states``.
            parts: S, how many times, for ``using_together``.
        """
        flat = flatten(sequences)
        ids, position_ids = (torch.tensor([row] * parts, device=self.device) for row in (flat.ids, flat.positions))
        mask, paths = unused_mask(self.device, self.model.dtype), Paths.of(flat, self.device)
        return self.decoder_forward(ids, mask, position_ids, layers, paths=paths), flat

    @contextmanager
    def _running(self, decoder: nn.Module, layers: int | None) -> Iterator[None]:
        """Within the context the decoder runs its first ``layers`` only; None is all of them."""
        if layers is not None and not self.can.cut:
            raise SalmonError(self.cannot_cut(layers))
        with first_layers(decoder, layers):
            yield

    def cannot_cut(self, layers: int) -> str:
        """Why ``reward.layers`` is refused."""
        return (
            f"reward.layers={layers}: {type(self.model).__name__} cannot run its first layers only; set reward.layers "
            "to null for all"
        )

    def cached_forward(
        self,
        ids: Int[Tensor, "B L"],
        mask: Real[Tensor, "B T"] | Float[Tensor, "B 1 L T"],
        position_ids: Int[Tensor, "B L"],
        cache: DynamicCache,
        layers: int | None = None,
    ) -> Float[Tensor, "B L D"]:
        """Last hidden states of tokens that follow those in a cache; their keys and values are added to it.

        Args:
            ids: the L new tokens of each row.
            mask: of all T tokens, the cached ones first, 1 = real token; or additive, of each new token and key.
            position_ids: of the new tokens.
            cache: keys and values of T - L tokens in each row.
            layers: as for ``hidden_states``; of every call with the same cache.
        """
        decoder = decoder_of(self.model)
        with self._running(decoder, layers):
            return run_decoder(decoder, ids, mask, position_ids, cache)

    def new_cache(self) -> DynamicCache:
        """An empty cache for sequences that the model masks itself, with a window where a layer has one."""
        return DynamicCache(config=self.model.config)

    def _adapter_tensors(self, name: str) -> dict[str, Tensor]:
        """The adapter's tensors by PEFT's names."""
        return get_peft_model_state_dict(self._peft, adapter_name=name, save_embedding_layers=False)

    def _freeze(self) -> None:
        # PEFT leaves the adapter it touched last trainable, and the modules of a new one in training mode, where an
        # adapter's own dropout is on; training asks for gradients by ``using``.
        self.model.eval()
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)


def positions(attention_mask: Real[Tensor, "B L"]) -> Int[Tensor, "B L"]:
    """Position ids for a mask, 1 = real token; padding on any side does not shift them."""
    return (attention_mask.long().cumsum(-1) - 1).clamp(min=0)
