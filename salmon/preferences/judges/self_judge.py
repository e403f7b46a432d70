"""The policy judges its own answers (PAPER.md 2.2)."""

from collections.abc import Sequence

from salmon.models.base import SharedModel
from salmon.preferences.judging import JudgedPair, Pair, judge_pair
from salmon.principles.bank import Bank


class SelfJudge:
    """Log-odds of the local model under one adapter; see ``salmon.preferences.judging``."""

    def __init__(self, bank: Bank, shared: SharedModel, adapter: str | None, max_tokens: int):
        self._bank, self._shared, self._adapter, self._max_tokens = bank, shared, adapter, max_tokens

    def judge(self, pairs: Sequence[Pair]) -> list[JudgedPair]:
        """See ``Judge``."""
        with self._shared.using(self._adapter):
            return [judge_pair(self._shared, pair, self._bank.principles, self._max_tokens) for pair in pairs]
