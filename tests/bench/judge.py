"""Judging by K principles beside judging by one: ``python -m tests.bench.judge [--principles K] [OVERRIDES]``.

The requests of a pair begin alike, and what they share is computed once. So K principles cost little more than one as
long as the pair is long beside the principles.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from salmon.measure.rates import counted
from salmon.models.base import SharedModel
from salmon.plan.compute import forward_flops
from salmon.preferences.judges.self_judge import judge_pair
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Principle, load_bank
from tests.bench.report import Run, Way, in_turn, load, options, shape, show, table

BANK = "reward_11"
WORDS = "The river is cold in spring, and the fish that live in it swim to the sea. "


@dataclass(frozen=True)
class Sizes:
    principles: int = 11
    words: int = 120  # of each of a pair's responses
    pairs: int = 2  # judged in a run, in both orders
    turns: int = 5


def pairs(sizes: Sizes) -> list[Pair]:
    """Responses of equal lengths, no two alike."""
    text = " ".join((WORDS * sizes.words).split()[: sizes.words])
    return [
        Pair(f"p{n}", "Which fish live in the river?", f"{n}. {text}", f"{text} That is answer {n}.", n)
        for n in range(sizes.pairs)
    ]


def judging(shared: SharedModel, asked: Sequence[Pair], principles: Sequence[Principle]) -> Run:
    return lambda: [judge_pair(shared, pair, principles, shared.context) for pair in asked]


def main(arguments: Sequence[str]) -> None:
    sizes, overrides = options(Sizes, arguments)
    shared = load(overrides)
    asked, bank, decoder = pairs(sizes), load_bank(BANK).principles, shape(shared)
    ways, tokens = [], []
    for number in (1, sizes.principles):
        run = judging(shared, asked, bank[:number])
        with counted(shared.model.get_decoder()) as passes:
            run()
        tokens.append(sum(passes))
        flops = tokens[-1] * forward_flops(decoder, 0, decoder.layers, max(passes) / 2)
        ways.append(Way(f"K = {number}", run, flops))
    taken = in_turn(ways, sizes.turns, shared.device, shared.model.dtype)
    title = f"judge: {sizes.pairs} pairs with responses of {sizes.words} words, both orders, {shared.path}"
    columns = {"tokens": [f"{n:,}" for n in tokens]}
    show(title, shared, table(ways, taken, ways[0].name, columns, speed=False))


if __name__ == "__main__":
    main(sys.argv[1:])
