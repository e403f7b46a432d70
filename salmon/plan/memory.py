"""Bytes of everything that a phase holds, as pure functions of shapes.

The coefficients were derived from the code that runs (transformers' Llama layers, PEFT's LoRA, ``salmon.models``), op
by op, and are compared with what torch reports in ``tests/plan/test_against_measured.py``. ``e`` is the size of an
element of the compute dtype: 4 for fp32, 2 for bf16. LoRA is fp32 always (PEFT casts it), so is what enters it.
"""

from salmon.config.training import Optimizer
from salmon.plan.shapes import ModelShape

FP32 = 4
NF4_BLOCK, ABSMAX_BLOCK = 64, 256  # weights that share a scale; scales that share a scale (Dettmers et al. 2023, 3)
LOGIT_ROWS = 128  # salmon.models.chunked_head.ROWS, without importing torch
SMALL_TENSOR = 4096  # bitsandbytes keeps the state of smaller tensors in 32 bits


def base_weights(shape: ModelShape, e: int, nf4: bool) -> int:
    """The frozen base. NF4 packs the layers' linear maps; embeddings, language-model head, norms and biases keep the
    compute dtype.

    A weight takes 4 bits, and with double quantisation 8 bits of scale for 64 of them and 32 bits for 256 scales:
    0.5 + 1/64 + 4/(64 * 256) = 0.5159 bytes.
    """
    return round(shape.layers * _layer_maps(shape, e, nf4)) + (shape.embeddings + shape.small) * e


def _layer_maps(shape: ModelShape, e: int, nf4: bool) -> float:
    return shape.linear_weights * (0.5 + 1 / NF4_BLOCK + FP32 / (NF4_BLOCK * ABSMAX_BLOCK) if nf4 else e)


def moved_by_layer(shape: ModelShape, e: int, nf4: bool) -> float:
    """Bytes of weights that one pass through a layer moves: its maps as they are kept, and with NF4 the unpacked ones,
    which are written and read."""
    return _layer_maps(shape, e, nf4) + (2 * e * shape.linear_weights if nf4 else 0)


def unpacked_linear(shape: ModelShape, e: int, nf4: bool) -> int:
    """NF4's products unpack one linear map at a time into the compute dtype."""
    return max(linear.weights for linear in shape.linears) * e if nf4 else 0


def copied_maps(shape: ModelShape) -> int:
    """All linear maps once more, in fp32: those of the layers and the language-model head. One map of a layer at a time
    is merged in a tensor of its own."""
    maps = shape.layers * shape.linear_weights + shape.vocab * shape.hidden
    return FP32 * (maps + max(linear.weights for linear in shape.linears))


def gathered_weights(shape: ModelShape, e: int) -> int:
    """Of a base that is split over processes: the layer in use, and one matrix of the embedding's size."""
    return e * (shape.linear_weights + shape.vocab * shape.hidden)


def optimizer_state(trained: int, optimizer: Optimizer) -> int:
    """Adam's two moments of every trained parameter, in 32 bits, or in 8 bits with a 32-bit scale for each 256.

    Tensors below 4096 elements, which stay in 32 bits, are not told apart: a LoRA matrix is larger.
    """
    if optimizer is Optimizer.paged_adamw_8bit:
        return round(trained * 2 * (1 + FP32 / ABSMAX_BLOCK))
    return trained * 2 * FP32


def optimizer_step(trained: int, optimizer: Optimizer, is_gpu: bool) -> int:
    """What a step needs besides: torch's AdamW works on all tensors at once on a GPU (a copy of the second moments),
    one at a time on a CPU; bitsandbytes' in place."""
    return trained * FP32 if optimizer is Optimizer.adamw and is_gpu else 0


def saved_per_token(shape: ModelShape, e: int, rank: int, columns: int) -> float:
    """Bytes that one layer keeps for the backward pass, per token [of B x L].

    With D the hidden size, I the intermediate one, A = heads * head size (queries, and keys and values after they are
    repeated for every head, which the mask of a padded batch makes necessary), r the rank:

    - the residual stream before each of two norms, in fp32: 2 * 4D
    - what enters the LoRA A of q, k, v, gate, up (D) and o (A), in fp32: in fp32 one tensor serves q, k, v and one
      serves gate and up; in bf16 each casts its own
    - attention: q, k, v and the output (in fp32 the output is what enters o), e * A each; log-sum-exp, 4 * heads
    - the MLP's gate before and after its activation, and up: 3 * eI; what enters down: 4I
    - queries and keys before their norms, if there are such norms, in fp32: 4 * (heads + key heads) * head size
    - LoRA's A x of seven maps: 7 * 4r; two norms' 1/rms: 8
    - attention's mask, cast to the compute dtype: e * L, L the ``columns`` of a row
    """
    hidden, inner, attended = shape.hidden, shape.intermediate, shape.heads * shape.head_dim
    inputs = 2 * FP32 * hidden + FP32 * attended if e == FP32 else FP32 * (5 * hidden + attended)
    attention = (3 if e == FP32 else 4) * e * attended + FP32 * shape.heads
    if shape.qk_norm:
        attention += FP32 * (shape.heads + shape.kv_heads) * shape.head_dim
    return (
        2 * FP32 * hidden + inputs + attention + 3 * e * inner + FP32 * inner + 7 * FP32 * rank + 2 * FP32 + e * columns
    )


def activations(shape: ModelShape, e: int, rank: int, rows: int, columns: int, layers: int, checkpointing: bool) -> int:
    """Peak of a forward and backward pass over [rows, columns] tokens, without logits.

    Without checkpointing everything is kept, and the MLP's backward adds two of its own tensors in fp32 and two of the
    residual stream. With it, each layer keeps its input (eD), and one layer at a time is computed again.
    """
    saved = saved_per_token(shape, e, rank, columns)
    transient = FP32 * 2 * (shape.intermediate + shape.hidden)
    kept = layers * e * shape.hidden + saved if checkpointing else layers * saved
    return round(rows * columns * (kept + transient))


def kept_at_logits(
    shape: ModelShape, e: int, rank: int, rows: int, columns: int, layers: int, checkpointing: bool
) -> int:
    """What of ``activations`` is alive while the loss is computed, before any layer's backward."""
    saved = saved_per_token(shape, e, rank, columns)
    return round(rows * columns * (e * shape.hidden + layers * (e * shape.hidden if checkpointing else saved)))


def forward_only(shape: ModelShape, e: int, tokens: int, adapter: bool, is_gpu: bool) -> int:
    """Peak of a forward pass without gradients, besides cache and mask: the MLP of one layer.

    Alive are the embedding, the layer's input, the residual stream and the normed input (4 * eD), the activated gate
    and up (2 * eI). LoRA adds the input in fp32 (4D unless e is 4), its output scaled, and the sum (2 * 4I); where
    dtypes differ a CPU converts into a further copy (4I), a GPU does not. Without an adapter the product of gate and
    up makes a third eI.
    """
    hidden, inner = shape.hidden, shape.intermediate
    if not adapter:
        return tokens * e * (4 * hidden + 3 * inner)
    cast = FP32 * hidden if e != FP32 else 0
    copy = FP32 * inner if e != FP32 and not is_gpu else 0
    return tokens * (4 * e * hidden + cast + 2 * e * inner + 2 * FP32 * inner + copy)


def kv_cache(shape: ModelShape, e: int, tokens: int) -> int:
    """Keys and values of every layer, and one layer's keys twice while a step appends to them."""
    layer = shape.kv_heads * shape.head_dim * e * tokens
    return (2 * shape.layers + 1) * layer


def training_logits(shape: ModelShape, e: int, positions: int) -> int:
    """A loss over log-probs: of ``LOGIT_ROWS`` positions at a time the head's logits [n, V] (e), in fp32 divided by the
    temperature, and a copy of those (4 + 4); of all positions the states and their gradient (2 * eD)."""
    rows = min(positions, LOGIT_ROWS)
    return (e + 2 * FP32) * rows * shape.vocab + 2 * e * positions * shape.hidden


def scoring_logits(shape: ModelShape, e: int, positions: int) -> int:
    """The same without gradients, with the entropy: logits, softmax, its entropy's terms; and the states."""
    return 3 * FP32 * min(positions, LOGIT_ROWS) * shape.vocab + e * positions * shape.hidden


def sampling_logits(shape: ModelShape, e: int, rows: int, top_p: float) -> int:
    """Logits [rows, V] of one step of sampling: as they come (e), log-probs and probabilities in fp32, the cumulative
    sum twice in fp64 (24 in all), 8 for the sort of a nucleus."""
    return rows * shape.vocab * (e + 24 + (8 if top_p < 1 else 0))


def packed_mask(e: int, new: int, total: int) -> int:
    """The additive mask [new, total] of packed sequences behind a cached prefix, during the pass that uses it."""
    return new * total * e


def packed_mask_in_the_making(e: int, new: int, total: int) -> int:
    """The same while it is made: two of the compute dtype and three booleans."""
    return new * total * (2 * e + 3)


def packed_rows_mask(e: int, rows: int, columns: int) -> int:
    """The reward model's mask [rows, columns, columns]: held is one of the compute dtype and a boolean."""
    return rows * columns**2 * (e + 1)
