"""What every rollout of a run shares: the models, the sampler, the principles and the reward."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from salmon.config.ppo import PPOConfig
from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.ppo.models import PPOModels, load_ppo_models
from salmon.ppo.principle_choice import PrincipleChoice, principle_choice, warn_of_absent_boosts
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rewards.interface import RewardFunction
from salmon.ppo.rewards.registry import make_reward
from salmon.ppo.sampled_logprobs import why_computed_again
from salmon.ppo.shaping import ScoredResponses, shape_scores
from salmon.principles.bank import Bank, Principle
from salmon.principles.selection import monitor_bank
from salmon.sampling.responses import Response
from salmon.sampling.sampler import Sampler
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class RolloutSetup:
    """Who answers, which principles are shown, and what is rewarded."""

    models: PPOModels
    sampler: Sampler
    principles: PrincipleChoice
    reward: RewardFunction
    monitor: Bank | None  # principles whose checks are reported
    ppo: PPOConfig
    keeps_logprobs: bool = False  # the sampler's log-probs are taken for the policy's, which are the same

    def principles_of(self, batch: PromptBatch) -> list[tuple[Principle, ...]]:
        """The principles that are shown with each prompt."""
        return [self.principles.for_prompt(prompt, *key) for prompt, key in zip(batch.prompts, batch.keys, strict=True)]

    @torch.no_grad()
    def score(
        self, prompts: Sequence[Prompt], responses: Sequence[Response], principles: Sequence[tuple[Principle, ...]]
    ) -> ScoredResponses:
        """Scores under the given principles, with penalties and bonus (PAPER.md 2.7)."""
        scores = self.reward(prompts, responses, principles)
        ppo = self.ppo
        return shape_scores(prompts, responses, principles, scores, ppo.shaping, ppo.sampling.max_new_tokens)


def load_rollout_setup(cfg: Config, ctx: StageContext, with_value_model: bool) -> RolloutSetup:
    """Load the models from the stage's inputs ``sft`` and ``reward``, and make the reward.

    Raises:
        SalmonError: an adapter does not fit the base, a bank cannot be read, or the reward cannot be made.
    """
    models = load_ppo_models(
        ctx.shared(),
        ctx.inputs["sft"].checkpoints["sft"],
        ctx.inputs["reward"].path / "reward",
        cfg.ppo.value_init if with_value_model else None,
        cfg.ppo.shaping.scale,
    )
    principles = principle_choice(cfg)
    warn_of_absent_boosts(principles)
    keeps = cfg.ppo.keep_sampled_logprobs
    if keeps and (reason := why_computed_again(cfg, models.shared)) is not None:
        log.info("ppo.keep_sampled_logprobs: they are computed again, %s", reason)
        keeps = False
    return RolloutSetup(
        models, ctx.sampler, principles, make_reward(cfg, models), monitor_bank(cfg.principles), cfg.ppo, keeps
    )
