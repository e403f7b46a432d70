"""``ppo.reward_source=model``: the instructable reward model reads the response, the prompt and the principles."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.ppo import RewardInputSettings
from salmon.config.schema import Config
from salmon.config.training import MicroBatchSize
from salmon.data.rows import Prompt
from salmon.models.forward import score_forward
from salmon.ppo.models import REWARD, PPOModels
from salmon.ppo.passes import sharded_micro_batches
from salmon.principles.bank import Principle
from salmon.reward.inputs import reward_input
from salmon.sampling.responses import Response


@dataclass(frozen=True)
class InstructableModelReward:
    """The reward model's scores; see ``RewardFunction``."""

    models: PPOModels
    limits: RewardInputSettings
    reads_principles: bool  # False: trained without principles, so it is asked by its generic criteria (an ablation)
    micro_batch_size: MicroBatchSize  # responses per forward pass

    @torch.no_grad()
    def __call__(
        self, prompts: Sequence[Prompt], responses: Sequence[Response], principles: Sequence[tuple[Principle, ...]]
    ) -> Float[Tensor, " B"]:
        """
        Raises:
            SalmonError: the principles leave no room for a response in ``ppo.reward_input.max_length``.
        """
        shared, head = self.models.shared, self.models.reward_head
        inputs = [
            self.input_ids(prompt, response, shown)
            for prompt, response, shown in zip(prompts, responses, principles, strict=True)
        ]
        with shared.using(REWARD):
            pieces = sharded_micro_batches(
                shared,
                [len(ids) for ids in inputs],
                self.micro_batch_size,
                lambda rows: (score_forward(shared, head, [inputs[i] for i in rows]),),
            )
        scores = torch.zeros(len(inputs), device=shared.device)
        for rows, (part,) in pieces:
            scores[rows] = part.to(scores)
        return scores

    def input_ids(self, prompt: Prompt, response: Response, shown: Sequence[Principle]) -> list[int]:
        """The tokens that the reward model reads."""
        guidelines = [principle.definition for principle in shown] if self.reads_principles else []
        chat, head = self.models.shared.chat, self.models.reward_head.kind
        return reward_input(chat, response.text, prompt.prompt, guidelines, self.limits, head).ids


def make_reward(cfg: Config, models: PPOModels) -> InstructableModelReward:
    """The reward as the config describes it."""
    return InstructableModelReward(models, cfg.ppo.reward_input, cfg.reward.principles, cfg.ppo.micro_batch_size)
