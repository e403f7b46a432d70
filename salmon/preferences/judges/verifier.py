"""The principles' own programmatic checks as a judge: no model, no opinion beyond what can be counted."""

from collections.abc import Sequence

from salmon.data.rows import Judgement
from salmon.errors import SalmonError
from salmon.preferences.judges.interface import JudgedPair
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank
from salmon.principles.verifiers import compare


class VerifierJudge:
    """The difference of the two responses' check scores, in [-1, 1]; 0.0 where the check calls it a tie.

    A check sees one response at a time, so both orders have the same value and there is no position bias.
    Whole texts are checked: nothing is ever cut.
    """

    usage: str | None = None

    def __init__(self, bank: Bank):
        """
        Args:
            bank: the principles to judge by.

        Raises:
            SalmonError: a principle has no check.
        """
        self._checks: list[tuple[str, str]] = []  # (name, check)
        for principle in bank.principles:
            if principle.check is None:
                raise SalmonError(
                    f'the principle "{principle.name}" of the bank {bank.name} has no check, so the verifier cannot '
                    "judge by it. Give it a `check` in the bank's file, leave it out (principles.reward_exclude), "
                    "use a bank with checks (principles.reward=verifiable_11) or another judge "
                    "(preferences.judge.kind=self)"
                )
            self._checks.append((principle.name, principle.check))

    def judge(self, pairs: Sequence[Pair]) -> list[JudgedPair]:
        """See ``PairwiseJudge``."""
        return [JudgedPair([self._judgement(pair, *check) for check in self._checks], cut_tokens=0) for pair in pairs]

    @staticmethod
    def _judgement(pair: Pair, name: str, check: str) -> Judgement:
        value = compare(check, pair.prompt, pair.response_1, pair.response_2)
        return Judgement(pair.prompt_id, name, original_order=value, swapped_order=value)
