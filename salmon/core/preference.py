"""The Bradley-Terry model of pairwise preferences."""

from torch import Tensor
from torch.nn.functional import softplus

from salmon.core.shapes import require_positive, require_same_shape


def bradley_terry_loss(chosen: Tensor, rejected: Tensor, num_rows: int) -> Tensor:
    """``-log sigmoid(chosen - rejected)``, SUMMED over the pairs and divided by ``num_rows``; 0-dim.

    ``chosen`` and ``rejected`` are scores ``[B]``; ``num_rows`` counts the pairs of the whole batch, so
    that the losses of micro-batches add up to the batch's mean. Bradley and Terry 1952; Stiennon et
    al. 2020 (arXiv 2009.01325, section 3.4).
    """
    require_same_shape(chosen=chosen, rejected=rejected)
    require_positive(num_rows=num_rows)
    return softplus(rejected - chosen).sum() / num_rows


def pairwise_accuracy(chosen: Tensor, rejected: Tensor) -> Tensor:
    """Share of pairs ``[B]`` whose chosen response scores higher; a tie counts one half; 0-dim.

    Raises ``ValueError`` without a pair.
    """
    require_same_shape(chosen=chosen, rejected=rejected)
    require_positive(num_pairs=chosen.numel())
    return ((chosen > rejected).float() + 0.5 * (chosen == rejected).float()).mean()
