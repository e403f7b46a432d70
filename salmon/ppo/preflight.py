"""What PPO asks of the base, tried before the job's first stage."""

from salmon.config.schema import Config
from salmon.models.base import SharedModel
from salmon.models.trial import try_training
from salmon.ppo.principle_choice import principle_choice
from salmon.ppo.rewards.judge import fit_response
from salmon.preferences.judges.prompts import option_token_ids
from salmon.principles.templates import follow_request
from salmon.reward.inputs import reward_input
from salmon.sampling.preflight import require_room, require_sampler


def answers_can_be_sampled(cfg: Config, shared: SharedModel) -> None:
    """The base can sample; the longest prompt and an answer fit into the context."""
    require_sampler(shared, cfg.rollout)
    require_room(shared, cfg.prompts, cfg.ppo.sampling, "ppo")


def adapter_trains(cfg: Config, shared: SharedModel) -> None:
    """An adapter can be trained."""
    try_training(shared)


def reward_has_room(cfg: Config, shared: SharedModel) -> None:
    """The most that is shown to the reward leaves room for a response, and a judge has tokens for its verdicts."""
    choice, limits = principle_choice(cfg), cfg.ppo.reward_input
    if cfg.ppo.reward_source == "judge":
        option_token_ids(shared.chat, follow_request("", "", ""))
        fit_response(shared.chat, "", "", choice.possible, limits.max_length)
    elif cfg.ppo.reward_source == "model":
        drawn = sorted((p.definition for p in choice.bank.principles), key=len)[-choice.sampling.per_prompt :]
        always = [p.definition for p in choice.interventions]
        reward_input(
            shared.chat, "", "", [*always, *(drawn if choice.sampling.per_prompt else ())], limits, cfg.reward.head
        )


CHECKS = (answers_can_be_sampled, adapter_trains, reward_has_room)
