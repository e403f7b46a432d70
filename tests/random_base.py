"""A base of a model's true shape with random weights, made where it is used: what memory and speed depend on is there,
and neither the weights' licence nor their files are needed (70B: 138 GB)."""

from pathlib import Path

import torch
from accelerate import init_empty_weights
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from salmon.config.model import ModelConfig, Quantization
from salmon.models import weights
from salmon.models.base import SharedModel
from salmon.models.device import pick_device, pick_dtype
from salmon.models.loading import as_shared, keep_nf4_layout
from salmon.plan.shapes import config_of, from_config

SPREAD = 0.02  # of the weights; transformers' own
WORDS = (" w{}", " w{}.", "\n- w{}", " w{}?", " w {}", "\n\nw{}", " w{}!")  # random answers then differ in form


def random_base(model: ModelConfig, cache: Path) -> SharedModel:
    """What ``load_base`` gives, but for the numbers and the tokenizer: that of ``random:tiny``, with a word for each
    further row of the vocabulary."""
    config, device = config_of(model.path, model.revision), pick_device(model.device)
    shape = from_config(config, model.path)
    dtype = pick_dtype(model.dtype, device)
    # 1. The modules, without weights.
    with init_empty_weights(include_buffers=False):
        own = AutoConfig.for_model(**config | {"max_position_embeddings": model.context})
        base = AutoModelForCausalLM.from_config(own).to(dtype)
    # 2. Weights, one module at a time; quantised at once.
    torch.manual_seed(0)
    if model.quantization is Quantization.nf4:
        for name, module in list(base.model.layers.named_modules()):
            if isinstance(module, nn.Linear):
                base.model.layers.set_submodule(name, packed(module, dtype, device))
        base.is_loaded_in_4bit = True  # PEFT asks for it
    for module in base.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if parameter.is_meta:
                value = torch.empty(parameter.shape, dtype=dtype, device=device)
                value = value.fill_(1.0) if parameter.ndim == 1 else value.normal_(std=SPREAD)
                setattr(module, name, nn.Parameter(value, requires_grad=False))
    base.tie_weights()
    base.to(device)  # the buffers
    # 3. A tokenizer.
    tokenizer = AutoTokenizer.from_pretrained(weights.resolve(weights.TINY, cache))
    tokenizer.add_tokens([WORDS[number % len(WORDS)].format(number) for number in range(len(tokenizer), shape.vocab)])
    keep_nf4_layout(base)
    return as_shared(base, tokenizer, model, {"base": "random weights"})


def packed(module: nn.Linear, dtype: torch.dtype, device: torch.device) -> Linear4bit:
    """A random map in NF4 with double quantisation, as transformers makes it of loaded weights."""
    made = Linear4bit(
        module.in_features,
        module.out_features,
        bias=False,
        compute_dtype=dtype,
        compress_statistics=True,
        quant_type="nf4",
        device="meta",
    )
    weight = torch.empty(module.out_features, module.in_features, dtype=dtype, device=device).normal_(std=SPREAD)
    made.weight = Params4bit(weight, requires_grad=False, compress_statistics=True, quant_type="nf4", module=made).to(
        device
    )
    return made
