"""How many layers of a decoder run, and whether the backward pass recomputes them (gradient checkpointing)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from salmon.errors import SalmonError


@contextmanager
def first_layers(config: Any, layers: int | None) -> Iterator[None]:
    """Within the context, the decoder with this config runs its first ``layers`` layers only; None is all of them.

    transformers' decoders loop over ``self.layers[: self.config.num_hidden_layers]``.

    Raises:
        SalmonError: it has fewer.
    """
    whole = config.num_hidden_layers
    if layers is not None and layers > whole:
        raise SalmonError(f"reward.layers={layers}: this base has {whole} layers; lower it, or set it to null for all")
    config.num_hidden_layers = whole if layers is None else layers
    try:
        yield
    finally:
        config.num_hidden_layers = whole


@contextmanager
def gradient_checkpointing(decoder: nn.Module, enabled: bool) -> Iterator[None]:
    """Within the context, layers that were set up for gradient checkpointing do it, or do not.

    transformers checkpoints only layers in training mode, and a base here is always in evaluation mode. Only the
    layers' own flag changes, not those of the modules in them, so that dropout stays off. Sampling does not enter
    this context, so it keeps its cache.
    """
    layers = [module for module in decoder.modules() if isinstance(module, GradientCheckpointingLayer)]
    before = [layer.training for layer in layers]
    for layer in layers:
        layer.training = enabled
    try:
        yield
    finally:
        for layer, training in zip(layers, before, strict=True):
            layer.training = training
