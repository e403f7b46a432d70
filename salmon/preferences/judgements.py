"""Judging all pairs of a stage, and the judgements as arrays."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from salmon.core.aggregation import combine_orders
from salmon.data.rows import Judgement
from salmon.preferences.judges.interface import PairwiseJudge
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank
from salmon.runtime.resumable import map_resumable

PAIRS_PER_CHUNK = 4  # judged between two writes of the file


@dataclass(frozen=True)
class JudgedPairs:
    """N pairs with their judgements by the K principles of a bank."""

    pairs: list[Pair]
    judgements: list[list[Judgement]]  # [N][K]
    bank: Bank

    @cached_property
    def original_order(self) -> np.ndarray:
        """Log-odds [N, K] that response 1 is better, judged with response 1 shown first."""
        return np.array([[j.original_order for j in row] for row in self.judgements])

    @cached_property
    def swapped_order(self) -> np.ndarray:
        """Log-odds [N, K] that response 1 is better, judged with response 2 shown first."""
        return np.array([[j.swapped_order for j in row] for row in self.judgements])

    @property
    def both_orders(self) -> np.ndarray:
        """All log-odds of both orders [2N, K]."""
        return np.concatenate([self.original_order, self.swapped_order])

    @property
    def agreed_scores(self) -> np.ndarray:
        """Log-odds [N, K] that response 1 is better: the mean of both orders where they agree, else 0."""
        return self._combined[..., 0]

    @property
    def ties(self) -> np.ndarray:
        """1.0 where the two orders disagree or one has no opinion, else 0.0: [N, K]."""
        return self._combined[..., 1]

    def scores(self, require_agreement: bool) -> np.ndarray:
        """Log-odds [N, K] that response 1 is better: the mean of both orders.

        Args:
            require_agreement: whether a score is 0 where the two orders disagree.
        """
        if require_agreement:
            return self.agreed_scores.copy()
        return (self.original_order + self.swapped_order) / 2

    @cached_property
    def _combined(self) -> np.ndarray:
        """Scores and ties: [N, K, 2]."""
        return np.array(
            [
                [combine_orders(one, two) for one, two in zip(ones, twos, strict=True)]
                for ones, twos in zip(self.original_order, self.swapped_order, strict=True)
            ]
        )


def judge_all(path: Path, judge: PairwiseJudge, pairs: Sequence[Pair], bank: Bank) -> tuple[JudgedPairs, int]:
    """Judge all pairs; an interrupted run goes on with the judgements in ``path``.

    Returns:
        The judged pairs, and how many tokens were cut so that the judge's prompts fit.
    """

    def work(chunk: Sequence[Pair]) -> list[dict]:
        return [asdict(judged) for judged in judge.judge(chunk)]

    rows = map_resumable(path, pairs, PAIRS_PER_CHUNK, work, "judged pairs")
    judgements = [[Judgement(**j) for j in row["judgements"]] for row in rows]
    return JudgedPairs(list(pairs), judgements, bank), sum(row["cut_tokens"] for row in rows)
