"""The policy judges its own answers (PAPER.md 2.2): log-odds of "a" against "b" after the judge's question."""

from collections.abc import Sequence

from salmon.data.rows import Judgement
from salmon.models.base import SharedModel
from salmon.models.packing.forward import next_token_logits
from salmon.preferences.judges.interface import JudgedPair
from salmon.preferences.judges.prompts import fit_pair, judge_prompt_ids, option_token_ids
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle
from salmon.principles.templates import judge_request


class SelfJudge:
    """The local model under one adapter as a judge."""

    usage: str | None = None

    def __init__(self, bank: Bank, shared: SharedModel, adapter: str | None, max_tokens: int):
        """
        Args:
            bank: the principles to judge by.
            shared: the base, with the adapter.
            adapter: the adapter that judges; None: the plain base.
            max_tokens: longest prompt of the judge; see ``fit_pair``.
        """
        self._bank, self._shared, self._adapter, self._max_tokens = bank, shared, adapter, max_tokens

    def judge(self, pairs: Sequence[Pair]) -> list[JudgedPair]:
        """See ``PairwiseJudge``."""
        with self._shared.using(self._adapter):
            return [judge_pair(self._shared, pair, self._bank.principles, self._max_tokens) for pair in pairs]


def judge_pair(shared: SharedModel, pair: Pair, principles: Sequence[Principle], max_tokens: int) -> JudgedPair:
    """Judge a pair by every principle in both presentation orders, under the active adapter.

    Swapping the pair's responses turns every judgement's sign exactly: both orders are the same two forward passes.

    Raises:
        SalmonError: the principles leave no room for the pair in ``max_tokens``.
    """
    texts, cut = fit_pair(shared.chat, pair, principles, max_tokens)
    options = option_token_ids(shared.chat, judge_request("", "", "", ""))
    groups = [
        [
            judge_prompt_ids(shared.chat, judge_request(texts.prompt, first, second, principle.definition))
            for principle in principles
        ]
        for first, second in ((texts.response_1, texts.response_2), (texts.response_2, texts.response_1))
    ]
    original, swapped = (
        (logits[:, 0] - logits[:, 1]).tolist()  # in favour of the response that is shown first
        for logits in (next_token_logits(shared, group, options) for group in groups)
    )
    judgements = [
        Judgement(pair.prompt_id, principle.name, original_order=first, swapped_order=-second)
        for principle, first, second in zip(principles, original, swapped, strict=True)
    ]
    return JudgedPair(judgements, cut)
