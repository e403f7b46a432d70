"""What the reward model's training minimises: a Bradley-Terry loss, and what wordings of a principle disagree by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.core.preference import bradley_terry_loss, consistency_loss, pairwise_accuracy
from salmon.reward.comparisons import RewardComparison, Rewording, rewordings
from salmon.training.supervised import Objective

Group = Sequence[RewardComparison]  # of one pair, read together
Scores = Callable[[Sequence[RewardComparison]], tuple[Float[Tensor, " B"], Float[Tensor, " B"]]]


@dataclass(frozen=True)
class BatchCounts:
    """What the sums of a batch are divided by."""

    comparisons: int
    ranked: int  # of them, those that are no ties
    rewordings: int

    @classmethod
    def of(cls, groups: Sequence[Group]) -> "BatchCounts":
        """Count a whole batch."""
        ties = [comparison.tie for group in groups for comparison in group]
        return cls(len(ties), ties.count(False), len(rewordings(groups)))


def reward_objective(scores: Scores, name: str, consistency: float) -> Objective[Group, BatchCounts]:
    """The Bradley-Terry loss, in which a tie has the target 0.5, plus ``consistency`` times the consistency loss.

    Args:
        scores: of the preferred and of the rejected inputs.
        name: prefix of the metrics. Accuracy and margin leave ties out (0.5 and 0 where all are ties); the consistency
            is the mean squared difference of the scores of a response in two wordings, absent where there are none.
        consistency: weight, at least 0.
    """

    def loss(groups: Sequence[Group], counts: BatchCounts) -> tuple[Tensor, dict[str, float]]:
        batch = [comparison for group in groups for comparison in group]
        chosen, rejected = scores(batch)
        ties = torch.tensor([comparison.tie for comparison in batch], device=chosen.device)
        value = bradley_terry_loss(chosen, rejected, counts.comparisons, target=1 - 0.5 * ties.float())
        metrics = _ranking(chosen.detach()[~ties], rejected.detach()[~ties], name, counts, len(batch))
        if counts.rewordings:
            disagreement = _disagreement(chosen, rejected, rewordings(groups), counts)
            metrics[f"{name}/consistency"] = disagreement.item()
            value = value + consistency * disagreement
        return value, metrics

    def size(group: Group) -> int:
        return sum(len(comparison.chosen) + len(comparison.rejected) for comparison in group)

    return Objective(loss, BatchCounts.of, size)


def _ranking(chosen: Tensor, rejected: Tensor, name: str, counts: BatchCounts, comparisons: int) -> dict[str, float]:
    """Accuracy and margin of the ranked comparisons of a micro-batch of so many, as parts of the batch's."""
    accuracy, margin, share = 0.5, 0.0, comparisons / counts.comparisons  # where the whole batch is ties
    if counts.ranked:
        share = len(chosen) / counts.ranked
        if share:
            accuracy, margin = pairwise_accuracy(chosen, rejected).item(), (chosen - rejected).mean().item()
    return {f"{name}/accuracy": accuracy * share, f"{name}/margin": margin * share}


def _disagreement(chosen: Tensor, rejected: Tensor, pairs: Sequence[Rewording], counts: BatchCounts) -> Tensor:
    """Mean squared difference of the scores of both responses, as part of the batch's."""
    one = torch.tensor([pair.one for pair in pairs], dtype=torch.long, device=chosen.device)
    other = torch.tensor([pair.other for pair in pairs], dtype=torch.long, device=chosen.device)
    aligned = torch.tensor([pair.aligned for pair in pairs], dtype=torch.bool, device=chosen.device)
    same, contrary = (
        torch.where(aligned, chosen[other], rejected[other]),
        torch.where(aligned, rejected[other], chosen[other]),
    )
    return consistency_loss(torch.cat([chosen[one], rejected[one]]), torch.cat([same, contrary]), 2 * counts.rewordings)
