"""The reward functions by name; ``ppo.reward_source`` is one of the names.

A new reward is one module beside this one, which has ``make_reward(cfg, models)``, and one line in ``REWARDS``.
Importing this module is cheap: the module of a reward is imported when a stage makes the reward.
"""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.ppo.principle_choice import principle_choice
from salmon.principles.bank import Principle
from salmon.principles.files import suggestion

if TYPE_CHECKING:
    from salmon.ppo.models import PPOModels
    from salmon.ppo.rewards.interface import RewardFunction


@dataclass(frozen=True)
class RewardEntry:
    """Where the code of a reward is, and what it asks of the principles that are shown."""

    module: str
    needs_principles: bool = False
    needs_checks: bool = False  # each principle must have a programmatic check


REWARDS = {
    "model": RewardEntry("salmon.ppo.rewards.instructable_model"),
    "judge": RewardEntry("salmon.ppo.rewards.judge", needs_principles=True),
    "verifier": RewardEntry("salmon.ppo.rewards.verifier", needs_principles=True, needs_checks=True),
}


def check_reward(cfg: Config) -> None:
    """Refuse a reward that cannot be computed, before anything runs.

    Raises:
        SalmonError: there is no reward of this name, or it cannot score by the principles that are shown.
    """
    name = cfg.ppo.reward_source
    if name not in REWARDS:
        raise SalmonError(
            f"ppo.reward_source={name}: there is no such reward{suggestion(name, REWARDS)}; known are "
            f"{', '.join(REWARDS)}"
        )
    entry, possible = REWARDS[name], principle_choice(cfg).possible
    if entry.needs_principles and not possible:
        raise SalmonError(
            f"ppo.reward_source={name} needs principles: set principles.rl and ppo.principles.per_prompt above 0"
        )
    if entry.needs_checks:
        require_checks(possible)


def require_checks(principles: Sequence[Principle]) -> None:
    """Refuse principles without a programmatic check.

    Raises:
        SalmonError: names all of them.
    """
    without = [principle.name for principle in principles if principle.check is None]
    if without:
        raise SalmonError(
            "ppo.reward_source=verifier scores by the principles' checks, and these principles, which can be shown, "
            f"have none: {', '.join(without)}. Give each a `check` in its bank's file, leave it out "
            "(principles.exclude), use a bank with checks (principles.rl=verifiable_11, principles.interventions=null) "
            "or another reward (ppo.reward_source=model)"
        )


def make_reward(cfg: Config, models: "PPOModels") -> "RewardFunction":
    """The reward that ``ppo.reward_source`` names.

    Raises:
        SalmonError: see ``check_reward``.
    """
    check_reward(cfg)
    module = importlib.import_module(REWARDS[cfg.ppo.reward_source].module)
    reward: RewardFunction = module.make_reward(cfg, models)
    return reward
