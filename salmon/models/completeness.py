"""Whether a file of weights is that of the model which its configuration describes.

transformers draws what a file lacks at random, and leaves out what it has no place for.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PretrainedConfig, PreTrainedModel

from salmon.config.model import ModelConfig
from salmon.errors import SalmonError
from salmon.models.hub_access import access_problem
from salmon.models.library_errors import refusing

log = logging.getLogger("salmon")

SHOWN = 3  # names in a message


def skeleton(folder: str, model: ModelConfig, config: PretrainedConfig) -> PreTrainedModel:
    """The model without numbers, after its file's names and shapes have been compared with it.

    Raises:
        SalmonError: the file cannot be read, or is not that of the model.
    """
    known = partial(access_problem, repository=folder, revision=model.revision)
    with refusing("its weights cannot be read", known=known):
        if getattr(config, "quantization_config", None) is not None:  # names and shapes are those of packed weights
            with torch.device("meta"):
                return AutoModelForCausalLM.from_config(config)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            revision=model.revision,
            use_safetensors=True,
            device_map={"": "meta"},
            ignore_mismatched_sizes=True,  # they are told below
            output_loading_info=True,
        )
    empty, info = loaded
    require_complete(info, empty)
    if info["unexpected_keys"]:
        unused = sorted(info["unexpected_keys"])
        log.warning("%d tensors of the base's file are not used: %s", len(unused), listed(unused))
    return empty


def require_complete(info: Mapping[str, Any], model: nn.Module) -> None:
    """Refuse weights that do not make up the model.

    Args:
        info: what ``from_pretrained`` says of the file.
        model: what was made from it.

    Raises:
        SalmonError: tensors are missing, have another shape, or show that the model is a larger one.
    """
    missing = sorted(info["missing_keys"])
    mismatched = sorted(f"{name} {list(given)} instead of {list(own)}" for name, given, own in info["mismatched_keys"])
    left_out = [name for name in sorted(info["unexpected_keys"]) if belongs(name, model)]
    wrong = {
        "are missing (they would be random)": missing,
        "have another shape": mismatched,
        "belong to a larger model than config.json describes (they would be left out)": left_out,
    }
    if any(wrong.values()):
        raise SalmonError(
            "the weights are not those of a whole model: "
            + "; ".join(f"{len(names)} tensors {what}: {listed(names)}" for what, names in wrong.items() if names)
        )


def belongs(name: str, model: nn.Module) -> bool:
    """Whether a tensor without a place in the model would change what it computes.

    It would if the model has the same tensor in another layer, or if the module that it is for computes with others.
    """
    buffers = {key for key, _ in model.named_buffers()}
    if name in buffers:
        return False
    parameters = dict(model.named_parameters(remove_duplicate=False))
    if numberless(name) in {numberless(key) for key in parameters}:
        return True
    owner = name.rpartition(".")[0]
    return any(key.rpartition(".")[0] == owner for key in parameters)


def numberless(name: str) -> str:
    """``model.layers.3.mlp.weight`` without the number of the layer."""
    return re.sub(r"\.\d+(?=\.|$)", ".N", name)


def listed(names: Iterable[str]) -> str:
    """The first few of many names."""
    names = list(names)
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
