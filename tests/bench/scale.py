"""What passes cost as they grow: ``python -m tests.bench.scale [--rows N] [--length L] [--principles K] [OVERRIDES]``.

Log-probs of a policy over more and more rows, and over longer and longer ones, and judgements by more and more
principles: each doubled from a small size up to the one that is given, and compared with the smallest.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from salmon.measure.random_tokens import RandomTokens
from salmon.measure.rates import counted
from salmon.models.base import SharedModel
from salmon.models.forward import token_batch
from salmon.plan.compute import forward_flops, head_flops
from salmon.principles.bank import load_bank
from tests.bench.judge import BANK, judging, pairs
from tests.bench.judge import Sizes as JudgeSizes
from tests.bench.report import Way, in_turn, load, options, shape, show, table
from tests.models.passes import logprobs_and_entropy

ADAPTER = "policy"
FEW, SHORT = 4, 128  # rows while lengths grow, and tokens of a row while rows do


@dataclass(frozen=True)
class Sizes:
    rows: int = 16
    length: int = 1024
    principles: int = 11
    words: int = 120  # of each response that is judged
    turns: int = 3


def doubled(first: int, last: int) -> list[int]:
    """``first`` and its doubles below ``last``, and ``last``."""
    return [size for size in (first << n for n in range(20)) if size < last] + [last]


def reading(shared: SharedModel, rows: int, length: int) -> Way:
    """Log-probs of the second half of each row."""
    tokens, half = RandomTokens(shared), length // 2
    batch = token_batch(tokens.rows(rows, half), tokens.rows(rows, length - half), shared.pad_id, shared.device)
    decoder = shape(shared)
    token = forward_flops(decoder, shared.lora.r, decoder.layers, length / 2)
    flops = rows * (length * token + (length - half) * head_flops(decoder))
    return Way(f"{rows} rows of {length} tokens", lambda: logprobs_and_entropy(shared, batch, 1.0), flops)


def judgements(shared: SharedModel, principles: int, words: int) -> Way:
    """One pair in both orders."""
    run = judging(shared, pairs(JudgeSizes(words=words, pairs=1)), load_bank(BANK).principles[:principles])
    with counted(shared.model.get_decoder()) as passes:
        run()
    decoder = shape(shared)
    flops = sum(passes) * forward_flops(decoder, shared.lora.r, decoder.layers, max(passes) / 2)
    return Way(f"K = {principles} ({sum(passes):,} tokens)", run, flops)


def main(arguments: Sequence[str]) -> None:
    sizes, overrides = options(Sizes, arguments)
    shared = load(overrides)
    shared.add_adapter(ADAPTER, seed=0)
    with shared.using(ADAPTER):
        axes = {
            "rows": [reading(shared, rows, min(SHORT, sizes.length)) for rows in doubled(1, sizes.rows)],
            "length": [reading(shared, min(FEW, sizes.rows), length) for length in doubled(SHORT // 2, sizes.length)],
            "principles": [judgements(shared, k, sizes.words) for k in doubled(1, sizes.principles)],
        }
        tables = []
        for ways in axes.values():
            taken = in_turn(ways, sizes.turns, shared.device, shared.model.dtype)
            tables.append(table(ways, taken, ways[0].name, speed=False))
    show(f"scale: log-probs and judgements, {shared.path}", shared, "\n\n".join(tables))


if __name__ == "__main__":
    main(sys.argv[1:])
