"""Which items of a benchmark are measured, where not all are: the first, or some drawn evenly over its parts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eval.config import EvalConfig
from salmon.runtime.seeding import stream

# Setting of ``eval.draw`` -> the tasks that it is about.
DRAWN_TASKS = {"truthfulqa_mc": ("truthfulqa_mc1", "truthfulqa_mc2"), "bbh": ("bbh",), "mt_bench": ("mt_bench",)}


@dataclass(frozen=True)
class Selection:
    """What of a benchmark is measured.

    Attributes:
        limit: the first so many items of each part; None: all, or those that are drawn.
        draw: so many items in all, drawn evenly over the parts.
        seed: of the draw.
    """

    limit: int | None
    draw: int | None = None
    seed: int = 0

    @property
    def identity(self) -> dict[str, Any]:
        """What the figures depend on, for the key of a finished task."""
        return {"limit": self.limit} | ({} if self.draw is None else {"draw": [self.draw, self.seed]})

    @property
    def words(self) -> str | None:
        """What makes it less than the whole benchmark; None where it is all of it."""
        if self.draw is not None:
            return f"DRAWN: at most {self.draw} items, evenly over its parts, by seed {self.seed}"
        return None if self.limit is None else f"LIMITED to the first {self.limit} items of each task"

    def places(self, sizes: Mapping[str, int]) -> dict[str, list[int]]:
        """The numbers (from 0, ascending) of the items that are measured, by part.

        Args:
            sizes: how many items each part has.
        """
        if self.draw is not None:
            return draw_evenly(sizes, self.draw, self.seed)
        return {part: list(range(size))[: self.limit] for part, size in sizes.items()}


def selection_of(config: EvalConfig, setting: str) -> Selection:
    """What of the benchmark behind a setting of ``eval.draw`` is measured; a draw takes the place of the limit."""
    draw = config.draw
    count = {"truthfulqa_mc": draw.truthfulqa_mc, "bbh": draw.bbh, "mt_bench": draw.mt_bench}[setting]
    return Selection(config.limit) if count is None else Selection(None, count, config.draw.seed)


def draw_evenly(sizes: Mapping[str, int], count: int, seed: int) -> dict[str, list[int]]:
    """As many items of each part as of any other, ``count`` in all: their numbers, ascending, by part.

    A part with fewer items than its share gives all of them, and the others more. Where the parts cannot give equally,
    it is drawn which give one more. With a larger ``count``, what was drawn before stays drawn.

    Args:
        sizes: how many items each part has.
    """
    turns = sorted(sizes, key=lambda part: stream(seed, "turn", part).random())
    shares = dict.fromkeys(sizes, 0)
    left = min(count, sum(sizes.values()))
    while left:
        for part in [part for part in turns if shares[part] < sizes[part]][:left]:
            shares[part] += 1
            left -= 1
    orders = {part: stream(seed, "items", part).permutation(size).tolist() for part, size in sizes.items()}
    return {part: sorted(orders[part][:share]) for part, share in shares.items()}
