"""Sampling beside ``transformers.generate``: ``python -m tests.bench.rollout [--rows N] [--response N] [OVERRIDES]``.

The same prompts under the same adapter, answers that never end before their last token. Ways: ours with the merged copy
(as a rollout samples on a CPU) or, with ``model.quantization=nf4``, the unpacked one; ours from the weights as they
are; and ``generate`` of the model with its adapter.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from salmon.measure.random_tokens import Endless
from salmon.models.base import SharedModel
from salmon.models.dequantized import dequantized_copy
from salmon.models.merged_copy import merged_copy, why_no_copy
from salmon.plan.compute import forward_flops, head_flops
from salmon.sampling.prefill import started
from salmon.sampling.token_loop import generate
from tests.bench.report import Run, Way, in_turn, load, options, shape, show, table

ADAPTER = "policy"
THEIRS = "transformers.generate"
QUESTIONS = (
    "Name a colour.",
    "Why is the sky blue?",
    "Tell me about the rivers of Europe, and where they flow.",
    "Write a poem about cats.",
)


@dataclass(frozen=True)
class Sizes:
    rows: int = 16  # sampled together
    response: int = 32  # tokens of each answer
    turns: int = 5


def questions(shared: SharedModel, rows: int) -> list[list[int]]:
    """Prompts of different lengths, chat template included."""
    return [shared.chat.user_ids(f"{QUESTIONS[row % len(QUESTIONS)]} ({row})") for row in range(rows)]


def ours(shared: SharedModel, prompts: Sequence[list[int]], tokens: int) -> Run:
    """One batch through our loop, under the active adapter."""
    keys = [("rollout", row) for row in range(len(prompts))]
    return lambda: generate(
        shared, prompts, keys, temperature=0.7, top_p=1.0, max_new_tokens=tokens, batch_size=len(prompts)
    )


def theirs(shared: SharedModel, prompts: Sequence[list[int]], tokens: int) -> Run:
    """The same answers by ``generate``, padded on the left."""
    width, pad = max(map(len, prompts)), shared.pad_id
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in prompts], device=shared.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=shared.device)
    settings = {"do_sample": True, "temperature": 0.7, "top_k": 0, "top_p": 1.0, "pad_token_id": pad}
    lengths = {"min_new_tokens": tokens, "max_new_tokens": tokens}
    return torch.no_grad()(
        lambda: shared.model.generate(input_ids=ids, attention_mask=mask, **settings, **lengths)  # type: ignore[operator]
    )


def main(arguments: Sequence[str]) -> None:
    sizes, overrides = options(Sizes, arguments)
    shared = load(overrides)
    shared.add_adapter(ADAPTER, seed=0)
    prompts, (rows, tokens) = questions(shared, sizes.rows), (sizes.rows, sizes.response)
    shared.chat = Endless(shared.chat)  # type: ignore[assignment]
    sample, decoder = ours(shared, prompts, tokens), shape(shared)
    whole, (ids, mask, _) = sum(map(len, prompts)), started(shared, prompts)
    once = whole - (rows - 1) * (mask.shape[1] - ids.shape[1])  # with what all prompts begin with

    def flops(rank: int, read: int) -> float:
        length = whole / rows
        parts = (rows * (tokens - 1), length + tokens / 2), (read, length / 2)
        passes = sum(n * forward_flops(decoder, rank, decoder.layers, context) for n, context in parts)
        return passes + rows * tokens * head_flops(decoder)

    def merged() -> None:
        with merged_copy(shared, ADAPTER):
            sample()

    def dequantised() -> None:
        with dequantized_copy(shared), shared.using(ADAPTER):
            sample()

    def active(run: Run) -> Run:
        def under() -> None:
            with shared.using(ADAPTER):
                run()

        return under

    rank = shared.lora.r
    ways = [
        Way("our loop", active(sample), flops(rank, once)),
        Way(THEIRS, active(theirs(shared, prompts, tokens)), flops(rank, whole)),
    ]
    if getattr(shared.model, "is_loaded_in_4bit", False):
        ways.insert(0, Way("our loop, dequantised copy", dequantised, flops(rank, once)))
    if (reason := why_no_copy(shared)) is None:
        ways.insert(0, Way("our loop, merged copy", merged, flops(0, once)))
    taken = in_turn(ways, sizes.turns, shared.device, shared.model.dtype)
    note = "" if reason is None else f"\n\nNo merged copy of this base: {reason}."
    title = f"rollout: {rows} answers of {tokens} tokens to prompts of {whole / rows:.0f}, {shared.path}"
    show(title, shared, table(ways, taken, THEIRS) + note)


if __name__ == "__main__":
    main(sys.argv[1:])
