"""What a reward is: a function from prompts, responses and principles to scores."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from salmon.data.rows import Prompt
from salmon.principles.bank import Principle
from salmon.sampling.responses import Response


@runtime_checkable
class RewardFunction(Protocol):
    """Scores responses by the principles that are shown with their prompts; a higher score is better."""

    def __call__(
        self, prompts: Sequence[Prompt], responses: Sequence[Response], principles: Sequence[tuple[Principle, ...]]
    ) -> Float[Tensor, " B"]:
        """One score per response, without gradient, on the model's device.

        Every process of a job calls it with the same arguments, and all must get the same scores.
        """
        ...
