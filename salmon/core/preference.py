"""The Bradley-Terry model of pairwise preferences: of scores, and of a policy's own log-probs (DPO)."""

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from salmon.core.shapes import require_positive, require_same_shape


def bradley_terry_loss(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], num_rows: int) -> Float[Tensor, ""]:
    """``-log sigmoid(chosen - rejected)``, SUMMED over the pairs and divided by ``num_rows``; 0-dim.

    ``chosen`` and ``rejected`` are scores ``[B]``; ``num_rows`` counts the pairs of the whole batch, so
    that the losses of micro-batches add up to the batch's mean. Bradley and Terry 1952; Stiennon et
    al. 2020 (arXiv 2009.01325, section 3.4).
    """
    require_same_shape(chosen=chosen, rejected=rejected)
    require_positive(num_rows=num_rows)
    return softplus(rejected - chosen).sum() / num_rows


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
