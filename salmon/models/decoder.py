"""A decoder as transformers makes it: how it is called, and its blocks, whatever their names are."""

import inspect
from functools import cache
from typing import Any

from jaxtyping import Float, Int, Real
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel

from salmon.errors import SalmonError
from salmon.models.packing.flat import Paths


def run_decoder(
    decoder: nn.Module,
    ids: Int[Tensor, "B L"],
    mask: Real[Tensor, "B T"] | Float[Tensor, "B 1 L T"] | Float[Tensor, "1 1 1 1"],
    position_ids: Int[Tensor, "B L"],
    past: DynamicCache | None = None,
    paths: Paths | None = None,
) -> Float[Tensor, "B L D"]:
    """Last hidden states.

    Args:
        ids: token ids.
        mask: of all T tokens, the cached ones first, 1 = real token; or additive, of each new token and key;
            or ``unused_mask``.
        position_ids: of each token in its own sequence; not every decoder takes them (ALiBi, state spaces).
        past: keys and values of the T - L tokens before the new ones; takes these in.
        paths: of sequences through the tokens of one row; attention then goes along them, and obeys no mask.
    """
    takes = _parameters(type(decoder))  # type: ignore[arg-type]  # classes are hashable
    given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "use_cache": past is not None}
    if "position_ids" in takes:
        given["position_ids"] = position_ids
    if paths is not None:
        given["paths"] = paths  # handed on to the layers' attention function
    if past is not None:
        given["cache_params" if "cache_params" in takes else "past_key_values"] = past
    states: Tensor = decoder(**given).last_hidden_state
    return states


@cache
def _parameters(kind: type[nn.Module]) -> frozenset[str]:
    """Names of the parameters of a module's ``forward``."""
    return frozenset(inspect.signature(kind.forward).parameters)


def decoder_of(model: PreTrainedModel) -> nn.Module:
    """The part of a causal language model that ends in hidden states.

    Raises:
        SalmonError: it has none apart from its output layer.
    """
    found: nn.Module = model.get_decoder()
    if found is not model and isinstance(found, PreTrainedModel):
        return found
    inner = [module for module in model.children() if isinstance(module, PreTrainedModel)]
    if len(inner) != 1:
        raise SalmonError(f"{type(model).__name__}: this architecture has no decoder apart from its output layer")
    return inner[0]


def blocks_of(decoder: nn.Module) -> tuple[str, nn.ModuleList]:
    """The list of a decoder's blocks and its name within it ("layers", "h", "blocks", ...).

    Raises:
        SalmonError: there is no such list.
    """
    number = decoder.config.num_hidden_layers  # type: ignore[union-attr]
    for name, module in decoder.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == number:
            return name, module
    raise SalmonError(f"{type(decoder).__name__}: this architecture has no list of {number} blocks")
