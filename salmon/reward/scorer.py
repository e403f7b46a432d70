"""Scores of responses under many sets of guidelines: each response's part of the input is computed once."""

from collections import Counter
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.models.forward import score_forward
from salmon.models.packing.kept_prefixes import KeptPrefixes, Parted
from salmon.principles.encoding import EncodedRewardInput
from salmon.reward.trained_model import Guidelines, PromptAndResponse, RewardModel

Cell = tuple[PromptAndResponse, Guidelines]  # a response, and the guidelines under which it is scored


class GuidelineScorer:
    """Scores under guidelines; what the model has read of a response can be kept for guidelines that come later."""

    def __init__(self, model: RewardModel, batch_size: int, keep: int = 0) -> None:
        """Nothing is computed yet.

        Args:
            model: the reward model; its adapter must be active whenever scores are asked for.
            batch_size: inputs of a forward pass.
            keep: responses that are kept from one call to the next, those scored last.
        """
        self._model, self._batch_size, self._keep = model, batch_size, keep
        self._prefixes = KeptPrefixes(model.shared, model.head.layers, keep)

    @property
    def num_tokens(self) -> int:
        """Tokens of kept responses and of the guidelines behind them that went through the model so far."""
        return self._prefixes.num_tokens

    def score(self, responses: Sequence[PromptAndResponse], sets: Sequence[Guidelines]) -> Float[Tensor, "R S"]:
        """Scores of R responses, each under S sets of guidelines, on the CPU.

        Raises:
            SalmonError: a set leaves no room for a response in what the model reads.
        """
        cells = [(response, guidelines) for response in responses for guidelines in sets]
        return self.score_cells(cells).reshape(len(responses), len(sets))

    @torch.no_grad()
    def score_cells(self, cells: Sequence[Cell]) -> Float[Tensor, " N"]:
        """Scores of N responses, each under guidelines of its own, on the CPU; else as ``score``.

        Neighbours with the same response share it; with ``keep=0`` a response is forgotten when others follow it.
        """
        inputs = [self._model.read(response, guidelines) for response, guidelines in cells]
        parts = [_parted(read) for read in inputs]
        often = Counter(prefix for prefix, _ in parts)
        scores = torch.zeros(len(cells))
        shared: list[int] = []
        alone: list[int] = []  # what is read once and then forgotten needs no cache
        for number, (prefix, _) in enumerate(parts):
            (shared if self._keep or often[prefix] > 1 else alone).append(number)
        for start in range(0, len(shared), self._batch_size):
            rows = shared[start : start + self._batch_size]
            states = self._prefixes.last_states([parts[row] for row in rows])
            scores[rows] = self._model.head(states).cpu()
        for start in range(0, len(alone), self._batch_size):
            rows = alone[start : start + self._batch_size]
            scores[rows] = score_forward(self._model.shared, self._model.head, [inputs[r].ids for r in rows]).cpu()
        return scores


def _parted(read: EncodedRewardInput) -> Parted:
    """What does not depend on the guidelines' words, and the rest."""
    return tuple(read.ids[: read.before_guidelines]), tuple(read.ids[read.before_guidelines :])
