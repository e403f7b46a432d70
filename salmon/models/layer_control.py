"""How many layers of a decoder run, and whether the backward pass recomputes them (gradient checkpointing)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from salmon.errors import SalmonError
from salmon.models.decoder import blocks_of


@contextmanager
def first_layers(decoder: nn.Module, layers: int | None) -> Iterator[None]:
    """Within the context, a decoder runs its first ``layers`` blocks, and what follows the last; None is all of them.

    The list of blocks is exchanged for a shorter one with the same blocks: some decoders loop over a slice of as many
    blocks as their config says, others over the whole list.

    Raises:
        SalmonError: it has fewer.
    """
    if layers is None:
        yield
        return
    name, blocks = blocks_of(decoder)
    if layers > len(blocks):
        raise SalmonError(too_few_layers(layers, len(blocks)))
    decoder.set_submodule(name, blocks[:layers])
    try:
        yield
    finally:
        decoder.set_submodule(name, blocks)


def too_few_layers(layers: int, number: int) -> str:
    """Why ``reward.layers`` is refused by a base of ``number`` layers."""
    return f"reward.layers={layers}: this base has {number} layers; lower it, or set it to null for all"


def checkpoint_layers(base: PreTrainedModel, early_stop: bool) -> None:
    """Set the base's layers up to be recomputed in the backward pass, within ``gradient_checkpointing``.

    Args:
        base: the model.
        early_stop: whether a recomputation ends at the last tensor that is needed.
    """
    base.gradient_checkpointing_enable({"use_reentrant": False, "early_stop": early_stop})
    for layer in _layers(base):
        layer._gradient_checkpointing_func = partial(_checkpoint, layer, layer._gradient_checkpointing_func)


@contextmanager
def gradient_checkpointing(decoder: nn.Module, enabled: bool) -> Iterator[None]:
    """Within the context, layers that ``checkpoint_layers`` has set up recompute themselves, or do not.

    transformers checkpoints only layers in training mode, and a base here is always in evaluation mode: the layers'
    own flag changes, and is down again while they compute. Sampling does not enter this context, so it keeps its cache.
    """
    layers = [layer for layer in _layers(decoder) if layer.gradient_checkpointing]
    before = [layer.training for layer in layers]
    for layer in layers:
        layer.training = enabled
    try:
        yield
    finally:
        for layer, training in zip(layers, before, strict=True):
            layer.training = training


def _checkpoint(layer: nn.Module, checkpoint: Callable[..., Any], forward: Callable[..., Any], *inputs: Any) -> Any:
    """``checkpoint`` of a layer's ``forward`` in evaluation mode: some layers read the flag for their own dropout."""

    def evaluated(*inputs: Any) -> Any:
        before, layer.training = layer.training, False
        try:
            return forward(*inputs)
        finally:
            layer.training = before

    return checkpoint(evaluated, *inputs)


def _layers(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
