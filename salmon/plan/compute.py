"""Floating-point operations and seconds of a phase, as pure functions.

A product of a matrix [m, n] with a vector takes 2mn operations; a token that attends to c others takes 4 * c * heads *
head size in each layer (scores, and the sum of values). Embeddings, norms and softmaxes are left out: below 1 %.
"""

from salmon.plan.devices import Device
from salmon.plan.shapes import ModelShape

KERNELS_PER_LAYER = 75  # started in a decoding step of a layer with LoRA: an estimate, not counted on a GPU


def layer_flops(shape: ModelShape, context: float) -> float:
    """Base of one layer, one token, forward; ``context`` is how many tokens it attends to on average."""
    return 2 * shape.linear_weights + 4 * context * shape.heads * shape.head_dim


def head_flops(shape: ModelShape) -> float:
    """The language-model head, one position, forward."""
    return 2 * shape.vocab * shape.hidden


def forward_flops(shape: ModelShape, rank: int, layers: int, context: float) -> float:
    """All layers with LoRA of ``rank`` (0: without), one token, forward."""
    lora = 2 * shape.adapter_parameters(rank, layers) if rank else 0
    return layers * layer_flops(shape, context) + lora


def training_flops(shape: ModelShape, rank: int, layers: int, context: float, checkpointing: bool) -> float:
    """The same, forward and backward. The frozen base has a gradient of its inputs only (as much as forward); LoRA also
    one of its weights; checkpointing computes the forward pass twice."""
    forward = forward_flops(shape, rank, layers, context)
    lora = forward_flops(shape, rank, layers, 0) - forward_flops(shape, 0, layers, 0)
    return forward * (3 if checkpointing else 2) + lora


def compute_seconds(flops: float, device: Device) -> float:
    """At the share of the device's rate that is taken as reached."""
    return flops / (device.flops * device.utilisation)


def decoding_seconds(
    shape: ModelShape, steps: float, flops: float, weights: int, cache: float, nf4: bool, e: int, device: Device
) -> float:
    """Seconds of ``steps`` decoding steps that take ``flops`` in all.

    A step reads all weights and, on average, ``cache`` bytes of keys and values; NF4 writes and reads the unpacked
    weights as well. It cannot be faster than that, nor than its kernels start.
    """
    linear = shape.layers * shape.linear_weights
    moved = weights + cache + (2 * e * linear if nf4 else 0)
    reading = moved / device.bandwidth
    starting = shape.layers * KERNELS_PER_LAYER * device.launch_s
    return max(compute_seconds(flops, device), steps * max(reading, starting))
