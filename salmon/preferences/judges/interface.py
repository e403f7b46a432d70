"""Who judges the pairs of the synthetic preferences: the policy itself, the principles' own checks, or a server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from salmon.config.preferences import PairJudge, PairJudgeSettings
from salmon.models.base import SharedModel
from salmon.preferences.judges.self_judge import SelfJudge
from salmon.preferences.judges.verifier import VerifierJudge
from salmon.preferences.judging import JudgedPair, Pair
from salmon.principles.bank import Bank


class Judge(Protocol):
    """Judges pairs by every principle of its bank."""

    def judge(self, pairs: Sequence[Pair]) -> list[JudgedPair]:
        """One entry a pair, in order; each with one judgement a principle, in the order of the bank.

        Every judgement holds both orders of the responses; positive = response 1 is better, 0.0 = no opinion.
        """


def make_judge(settings: PairJudgeSettings, bank: Bank, shared: SharedModel, adapter: str | None, cache: Path) -> Judge:
    """The judge of the config.

    Args:
        shared: the run's base; the judge of ``kind=self``. A server's judge only counts tokens with it.
        adapter: the adapter under which the base judges itself; None: the plain base.
        cache: folder for a server's answers; made when there is one.

    Raises:
        SalmonError: the bank or the settings lack what this kind of judge needs.
    """
    match settings.kind:
        case PairJudge.self:
            return SelfJudge(bank, shared, adapter, settings.max_tokens)
        case PairJudge.verifier:
            return VerifierJudge(bank)
        case PairJudge.server:
            from salmon.preferences.judges.server import ServerJudge  # imports openai, which takes a second

            return ServerJudge(settings, bank, shared.chat, cache)
