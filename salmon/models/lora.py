"""Which modules a LoRA adapter sits on, and whether an adapter's file fits the base."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from peft.utils.transformers_weight_conversion import convert_peft_config_for_transformers
from safetensors import safe_open
from torch import Tensor, nn
from torch.func import functional_call
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from salmon.config.model import LoraSettings
from salmon.errors import SalmonError
from salmon.models.decoder import blocks_of, decoder_of


def lora_config(model: PreTrainedModel, settings: LoraSettings, layers: int | None, first_layer: int = 0) -> LoraConfig:
    """PEFT's configuration of an adapter on every linear module but the output head.

    Args:
        layers: on the first so many layers only; None is all of them.
        first_layer: of them, the first that has it; those below stay as they are.

    Raises:
        SalmonError: no layer is left.
    """
    chosen: dict[str, Any] = {"target_modules": "all-linear"}
    if layers is not None or first_layer:
        # PEFT takes no layers with "all-linear", and wants the same experts of a mixture in all adapters.
        whole = LoraConfig(r=settings.r, lora_alpha=settings.alpha, **chosen)  # type: ignore[arg-type]
        convert_peft_config_for_transformers(whole, model, None)
        chosen = {
            "target_modules": linear_module_names(model),
            "layers_to_transform": _adapted_layers(model, layers, first_layer),
            "target_parameters": sorted(whole.target_parameters or ()) or None,
            "rank_pattern": whole.rank_pattern,
            "alpha_pattern": whole.alpha_pattern,
        }
    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # a float is fine
        lora_dropout=settings.dropout,
        **chosen,
        exclude_modules=unadaptable(model) or None,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        bias="none",
        task_type="CAUSAL_LM",
    )


def _adapted_layers(model: PreTrainedModel, layers: int | None, first_layer: int) -> list[int]:
    depth = len(blocks_of(decoder_of(model))[1]) if layers is None else layers
    if first_layer >= depth:
        raise SalmonError(
            f"reward.first_layer={first_layer}: the model has {depth} layers, the first of them 0; lower it"
        )
    return list(range(first_layer, depth))


def linear_module_names(model: PreTrainedModel) -> list[str]:
    """Last parts of the names of all linear modules but the output head; an adapter may wrap them already."""
    head = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2].removesuffix("base_layer") or name.split(".")[-2]
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear | Conv1D) and module is not head and "lora_" not in name
        }
    )


def unadaptable(model: PreTrainedModel) -> list[str]:
    """Names of linear modules that an adapter cannot wrap.

    Routers of experts may be linear modules that return the chosen experts too; the fused kernel of a state space
    reads the weight of the projection behind its convolution, past the module.
    """
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    beside = {name: model.get_submodule(name.rpartition(".")[0]) for name in linear if name.endswith(".out_proj")}
    fused = {name for name, module in beside.items() if hasattr(module, "conv1d")}
    return [name for name, module in linear.items() if name in fused or not _is_linear_map(module)]


def _is_linear_map(module: nn.Linear) -> bool:
    """Whether a module of a class of its own still gives one vector for one vector."""
    if type(module).__module__.startswith(("torch.", "bitsandbytes.")):
        return True
    inputs, outputs = module.in_features, module.out_features
    shapes = {"weight": (outputs, inputs)} | ({} if module.bias is None else {"bias": (outputs,)})
    stand_ins = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    found = functional_call(module, stand_ins, (torch.empty(1, inputs, device="meta"),))
    return isinstance(found, Tensor) and found.shape == (1, outputs)


def saved_target_modules(model: PreTrainedModel, config: Any, tensors: Mapping[str, Tensor]) -> str | list[str]:
    """What to write as an adapter's ``target_modules``.

    Other loaders want the last parts of the modules' names; they get them where these mean the same modules.

    Args:
        config: PEFT's configuration of the adapter.
        tensors: the adapter's, by PEFT's names.
    """
    adapted = {key.rpartition(".lora_")[0].removeprefix("base_model.model.") for key in tensors}
    short = {name.rpartition(".")[2] for name in adapted}
    meant = {name for name, _ in model.named_modules() if name.rpartition(".")[2] in short}
    if meant == adapted:
        return sorted(short)
    given = config.target_modules
    return given if isinstance(given, str) else sorted(given)  # a set: its order would differ between runs


def check_loaded(file: Path, tensors: Mapping[str, Tensor]) -> None:
    """Check that the file's tensors are those of the loaded adapter, all finite; PEFT only warns of others.

    Args:
        file: the adapter's safetensors file.
        tensors: what was loaded from it, by PEFT's names.

    Raises:
        ValueError: tensors are missing, have no layer in this base, or hold NaN or infinity.
    """
    with safe_open(file, "pt") as opened:
        given = set(opened.keys())
    expected = set(tensors)
    if given != expected:
        raise ValueError(
            f"{len(expected - given)} of its tensors are missing, {len(given - expected)} have no "
            f"layer here, e.g. {min(given ^ expected)}"
        )
    broken = sorted(key for key, tensor in tensors.items() if not tensor.isfinite().all())
    if broken:
        raise ValueError(f"{len(broken)} of its tensors hold NaN or infinity, e.g. {broken[0]}")
