"""What a judge of pairs is given, and what it returns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from salmon.data.rows import Judgement
from salmon.preferences.pairs import Pair


@dataclass(frozen=True)
class JudgedPair:
    """What a judge says of one pair."""

    judgements: list[Judgement]  # [K], in the order of the principles
    cut_tokens: int  # left out of the prompt and the responses so that the judge's prompt fits its limit


class PairwiseJudge(Protocol):
    """Judges pairs by every principle of its bank."""

    @property
    def usage(self) -> str | None:
        """What was asked and paid so far, where that is counted."""

    def judge(self, pairs: Sequence[Pair]) -> list[JudgedPair]:
        """Judge each pair by each principle, in both presentation orders.

        Returns:
            One entry a pair, in order. Its judgements are in the order of the bank; positive = response 1 is better,
            0.0 = no opinion.
        """
