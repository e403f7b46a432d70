"""The judge that the config names: the policy itself, the principles' own checks, or a server."""

from pathlib import Path

from salmon.config.preferences import PairJudge, PairJudgeSettings
from salmon.models.base import SharedModel
from salmon.preferences.judges.interface import PairwiseJudge
from salmon.preferences.judges.self_judge import SelfJudge
from salmon.preferences.judges.server import ServerJudge
from salmon.preferences.judges.verifier import VerifierJudge
from salmon.principles.bank import Bank


def make_pairwise_judge(
    settings: PairJudgeSettings, bank: Bank, shared: SharedModel, adapter: str | None, cache: Path
) -> PairwiseJudge:
    """Make the judge of the config.

    Args:
        settings: which judge it is, and its limits.
        bank: the principles to judge by.
        shared: the run's base, which is the judge of ``kind=self``. A server's judge only counts tokens with it.
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
            return ServerJudge(settings, bank, shared.chat, cache)
