"""How far a pass through a decoder goes, and what of it is computed again on the way back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn
from transformers.modeling_layers import GradientCheckpointingLayer

from salmon.errors import SalmonError


@contextmanager
def first_layers(config: Any, layers: int | None) -> Iterator[None]:
    """A decoder with this config runs through its first ``layers`` layers only (transformers' decoders loop over
    ``self.layers[: self.config.num_hidden_layers]``); None is all of them.

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
def recomputing(decoder: nn.Module, wanted: bool) -> Iterator[None]:
    """Layers with gradient checkpointing use it in here, if ``wanted``.

    transformers checkpoints only what is in training mode, and a base here is always in evaluation mode. Only the
    layers' own flag is raised, not those of the modules in them: dropout stays off, and sampling, which passes by here,
    keeps its cache.
    """
    layers = [module for module in decoder.modules() if isinstance(module, GradientCheckpointingLayer)]
    before = [layer.training for layer in layers]
    for layer in layers:
        layer.training = wanted
    try:
        yield
    finally:
        for layer, training in zip(layers, before, strict=True):
            layer.training = training
