"""From the config to a frozen base with its tokenizer and chat format."""

import logging
from pathlib import Path
from typing import Any

from transformers import AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel

from salmon.config.model import ModelConfig, Quantization
from salmon.distributed.world import world
from salmon.errors import Findings, SalmonError
from salmon.models import weights
from salmon.models.base import SharedModel
from salmon.models.base_config import base_config, check_context
from salmon.models.chat import ChatFormat
from salmon.models.chat_checks import check_chat, described
from salmon.models.completeness import require_complete, skeleton
from salmon.models.device import pick_device, pick_dtype
from salmon.models.identity import model_identity, settled
from salmon.models.layer_control import checkpoint_layers
from salmon.models.library_errors import refusing
from salmon.models.probe import abilities_of
from salmon.models.progress_bars import hide_progress_bars
from salmon.models.tokenizer import embedded_tokens, end_tokens, load_tokenizer, require_embeddings
from salmon.models.zero3_base import load_zero3

log = logging.getLogger("salmon")


def load_base(model: ModelConfig, cache: Path) -> SharedModel:
    """Load the configured base with its tokenizer and chat format.

    Raises:
        SalmonError: names together what is wrong with its files: weights that cannot be found, fetched or read, or are
            not those of a whole model; a tokenizer or chat template that cannot be used; a context that is too long.
    """
    hide_progress_bars()
    model = settled(model)
    folder = weights.resolve(model.path, cache)
    device = pick_device(model.device)
    dtype = pick_dtype(model.dtype, device)
    tokenizer = checked_tokenizer(folder, model)
    quantization = None
    if model.quantization is Quantization.nf4:
        quantization = BitsAndBytesConfig(
            load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=dtype
        )
    with refusing(f"cannot load model.path={model.path}"):
        if world().splits_weights:
            base = load_zero3(folder, model.revision, dtype)
        else:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                revision=model.revision,
                dtype=dtype,
                use_safetensors=True,
                quantization_config=quantization,
                device_map={"": device},
                output_loading_info=True,
            )
            base, info = loaded
            require_complete(info, base)
    if quantization is not None:
        require_nf4(base, model.path)
        keep_nf4_layout(base)
    shared = as_shared(base, tokenizer, model, model_identity(model, cache))
    log.info("%s: answers end with %s", model.path, described(shared.chat))
    return shared


def checked_tokenizer(folder: str, model: ModelConfig) -> Any:
    """The tokenizer of a base whose files have been checked, before its weights take memory and time.

    Raises:
        SalmonError: what is wrong with them, all in one message.
    """
    heading, problems, tokenizer = f"cannot load model.path={model.path}", Findings(), None
    with problems.collected():
        config = base_config(folder, model)
    problems.refuse(heading)
    with problems.collected():
        check_context(config, model)
    with problems.collected():
        tokenizer = load_tokenizer(folder, model)
    with problems.collected():
        empty = skeleton(folder, model, config)
        if tokenizer is not None:
            chat = chat_format(tokenizer, empty, model)
            with problems.collected():
                require_embeddings(tokenizer, embedded_tokens(empty))
            check_chat(chat)
    problems.refuse(heading)
    return tokenizer


def chat_format(tokenizer: Any, base: PreTrainedModel, model: ModelConfig) -> ChatFormat:
    """The run's chat format, with the end tokens that the model's configuration names."""
    vocabulary, generation = embedded_tokens(base), base.generation_config
    ends = end_tokens(tokenizer, generation.eos_token_id if generation else None, vocabulary)
    if tokenizer.eos_token_id is None and ends:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(min(ends))
    return ChatFormat(tokenizer, model.system_prompt, ends, vocabulary)


def as_shared(base: PreTrainedModel, tokenizer: Any, model: ModelConfig, identity: dict[str, Any]) -> SharedModel:
    """Freeze a base, and make it ready for adapters.

    Args:
        identity: what decides what it computes, see ``SharedModel``.

    Raises:
        SalmonError: it is shorter of context than asked, or does not compute here what it computes by itself.
    """
    check_context(base.config, model)
    base.eval()
    base.requires_grad_(False)
    if model.gradient_checkpointing:
        # Split weights are fetched layer by layer, in all processes alike, wherever the last saved tensor lies.
        checkpoint_layers(base, early_stop=not world().splits_weights)
    chat = chat_format(tokenizer, base, model)
    shared = SharedModel(base, tokenizer, chat, model.lora, model.path, model.context, identity)
    shared.can = abilities_of(shared)
    return shared


def require_nf4(base: PreTrainedModel, path: str) -> None:
    """Refuse a base of which bitsandbytes has quantised nothing: it would take four times the memory that was planned.

    Raises:
        SalmonError: none of its layers is in NF4.
    """
    from bitsandbytes.nn import Linear4bit

    if not any(isinstance(module, Linear4bit) for module in base.modules()):
        raise SalmonError(
            f"model.quantization=nf4: {type(base).__name__} ({path}) has no layers that bitsandbytes can quantise. "
            "Set model.quantization=none, or use another base"
        )


def keep_nf4_layout(base: PreTrainedModel) -> None:
    """Let bitsandbytes compute with NF4 weights as they were loaded, on every CPU.

    On a CPU with AVX512-BF16, a layer's first forward pass without gradient would repack its weights in place for a
    kernel in bfloat16. A later pass with gradient then reads them in the wrong layout, and the results differ from
    those of other machines.
    """
    from bitsandbytes.nn import Linear4bit

    for module in base.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False
