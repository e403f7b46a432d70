"""From the config to a frozen base with its tokenizer and chat format."""

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from salmon.config.model import ModelConfig, Quantization
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.base import SharedModel
from salmon.models.capabilities import longest_context
from salmon.models.chat import ChatFormat
from salmon.models.device import pick_device, pick_dtype
from salmon.models.identity import model_identity, settled
from salmon.models.layer_control import checkpoint_layers
from salmon.models.probe import abilities_of
from salmon.models.zero3_base import load_zero3


def load_base(model: ModelConfig, cache: Path) -> SharedModel:
    """Load the configured base with its tokenizer and chat format.

    Raises:
        SalmonError: weights cannot be found, fetched or read, or are shorter of context than asked.
    """
    transformers_logging.disable_progress_bar()
    model = settled(model)
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
            base = load_zero3(folder, model.revision, dtype)
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
    if quantization is not None:
        keep_nf4_layout(base)
    return as_shared(base, tokenizer, model, model_identity(model, cache))


def as_shared(base: PreTrainedModel, tokenizer: Any, model: ModelConfig, identity: dict[str, Any]) -> SharedModel:
    """Freeze a base, and make it ready for adapters.

    Args:
        identity: what decides what it computes, see ``SharedModel``.

    Raises:
        SalmonError: it is shorter of context than asked, or does not compute here what it computes by itself.
    """
    limit = longest_context(base.config)
    if limit is not None and model.context > limit:
        raise SalmonError(f"model.context={model.context} is longer than {model.path} allows ({limit})")
    base.eval()
    base.requires_grad_(False)
    if model.gradient_checkpointing:
        # Split weights are fetched layer by layer, in all processes alike, wherever the last saved tensor lies.
        checkpoint_layers(base, early_stop=not world().splits_weights)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    shared = SharedModel(
        base, tokenizer, ChatFormat(tokenizer, model.system_prompt), model.lora, model.path, model.context, identity
    )
    shared.can = abilities_of(shared)
    return shared


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
