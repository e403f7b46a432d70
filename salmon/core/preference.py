"""The Bradley-Terry model of pairwise preferences: of scores, and of a policy's own log-probs (DPO)."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from salmon.core.shapes import require_positive, require_same_shape


def bradley_terry_loss(
    chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], num_rows: int, target: Float[Tensor, " B"] | None = None
) -> Float[Tensor, ""]:
    """Cross-entropy of ``sigmoid(chosen - rejected)``, SUMMED over the pairs and divided by ``num_rows``; 0-dim.

    Bradley and Terry 1952; Stiennon et al. 2020 (arXiv 2009.01325, section 3.4); with targets, Christiano et al. 2017
    (arXiv 1706.03741, equation 1 of section 2.2.3, where two that are equally good have one half each).

    Args:
        chosen: scores.
        rejected: scores.
        num_rows: pairs of the whole batch, so that the losses of micro-batches add up to the batch's mean.
        target: probability that ``chosen`` is the better one; None is 1 for all: ``-log sigmoid(chosen - rejected)``.
    """
    require_same_shape(chosen=chosen, rejected=rejected)
    require_positive(num_rows=num_rows)
    losses = softplus(rejected - chosen)
    if target is not None:
        require_same_shape(chosen=chosen, target=target)
        losses = target * losses + (1 - target) * softplus(chosen - rejected)
    return losses.sum() / num_rows


def consistency_loss(scores: Float[Tensor, " B"], reworded: Float[Tensor, " B"], num_scores: int) -> Float[Tensor, ""]:
    """Squared differences of scores that should be equal, SUMMED and divided by ``num_scores``; 0-dim.

    ``scores`` and ``reworded`` ``[B]`` are of the same responses under the same principle in two wordings;
    ``num_scores`` counts those of the whole batch, as in ``bradley_terry_loss``. A penalty of this form makes reward
    models robust to paraphrases in Wu et al. 2025 (arXiv 2503.11751).
    """
    require_same_shape(scores=scores, reworded=reworded)
    require_positive(num_scores=num_scores)
    return (scores - reworded).square().sum() / num_scores


def implicit_reward(
    logprobs: Float[Tensor, " B"], ref_logprobs: Float[Tensor, " B"], beta: float
) -> Float[Tensor, " B"]:
    """``beta * (log pi(y|x) - log pi_ref(y|x))``, the reward [B] that a policy is optimal for, up to a term of the
    prompt alone (Rafailov et al. 2023, arXiv 2305.18290, equation 5).

    ``logprobs`` and ``ref_logprobs`` are sums over a response's tokens ``[B]``.
    """
    require_same_shape(logprobs=logprobs, ref_logprobs=ref_logprobs)
    require_positive(beta=beta)
    return beta * (logprobs - ref_logprobs)


def dpo_loss(
    chosen: Float[Tensor, " B"],
    rejected: Float[Tensor, " B"],
    ref_chosen: Float[Tensor, " B"],
    ref_rejected: Float[Tensor, " B"],
    beta: float,
    num_rows: int,
) -> Float[Tensor, ""]:
    """Direct preference optimisation (the same paper, equation 7): the Bradley-Terry loss of the implicit rewards.

    All four are log-probs of whole responses ``[B]``; summed over the pairs and divided by ``num_rows``, as in
    ``bradley_terry_loss``; 0-dim.
    """
    return bradley_terry_loss(
        implicit_reward(chosen, ref_chosen, beta), implicit_reward(rejected, ref_rejected, beta), num_rows
    )


def pairwise_accuracy(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"]) -> Float[Tensor, ""]:
    """Share of pairs ``[B]`` whose chosen response scores higher; a tie counts one half; 0-dim.

    Raises ``ValueError`` without a pair.
    """
    require_same_shape(chosen=chosen, rejected=rejected)
    require_positive(num_pairs=chosen.numel())
    return ((chosen > rejected).float() + 0.5 * (chosen == rejected).float()).mean()
