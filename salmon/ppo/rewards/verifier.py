"""``ppo.reward_source=verifier``: the principles' own programmatic checks; no model and no opinion."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.ppo.models import PPOModels
from salmon.ppo.rewards.registry import require_checks
from salmon.principles.bank import Principle
from salmon.principles.verifiers import verify
from salmon.sampling.responses import Response


@dataclass(frozen=True)
class VerifierReward:
    """The mean of the shown principles' checks, each in [0, 1]; see ``RewardFunction``.

    Principles are shown as their definitions at RL time, never negated, so a check is never turned around.
    """

    device: torch.device

    def __call__(
        self, prompts: Sequence[Prompt], responses: Sequence[Response], principles: Sequence[tuple[Principle, ...]]
    ) -> Float[Tensor, " B"]:
        """
        Raises:
            SalmonError: a shown principle has no check.
        """
        scores = [
            mean_check(prompt.prompt, response.text, shown)
            for prompt, response, shown in zip(prompts, responses, principles, strict=True)
        ]
        return torch.tensor(scores, device=self.device)


def mean_check(prompt: str, response: str, principles: Sequence[Principle]) -> float:
    """How well a response follows the principles by their checks, in [0, 1].

    Raises:
        SalmonError: a principle has no check.
    """
    require_checks(principles)
    scores = [verify(principle.check, prompt, response) for principle in principles if principle.check is not None]
    return sum(scores) / len(scores)


def make_reward(cfg: Config, models: PPOModels) -> VerifierReward:
    """The reward; it needs nothing of the config."""
    return VerifierReward(models.shared.device)
