"""Which principles are shown with each prompt at RL time (PAPER.md 2.6)."""

import logging
from dataclasses import dataclass

from salmon.config.ppo import PrincipleSamplingSettings
from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.principles.bank import Bank, Principle, load_bank
from salmon.principles.sampling import sample_principles
from salmon.principles.selection import rl_bank
from salmon.runtime.seeding import stream

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class PrincipleChoice:
    """The interventions, then principles drawn from a bank for each prompt."""

    bank: Bank  # may have no principles; then the reward model reads its generic criteria
    interventions: tuple[Principle, ...]  # always shown, first
    sampling: PrincipleSamplingSettings

    def for_prompt(self, prompt: Prompt, *key: str | int) -> tuple[Principle, ...]:
        """The principles of a prompt; those that suit its question type are more probable.

        Args:
            prompt: the prompt.
            key: random key; equal keys give equal principles.
        """
        boosts = dict.fromkeys(self.sampling.boosted.get(prompt.type, []), self.sampling.boost)
        sampled = sample_principles(self.bank, self.sampling.per_prompt, boosts, stream(*key, "principles"))
        return (*self.interventions, *sampled)

    @property
    def possible(self) -> tuple[Principle, ...]:
        """Every principle that can be shown."""
        return (*self.interventions, *(self.bank.principles if self.sampling.per_prompt else ()))


def principle_choice(cfg: Config) -> PrincipleChoice:
    """The choice that a config describes.

    Raises:
        SalmonError: a bank cannot be read.
    """
    interventions = load_bank(cfg.principles.interventions).principles if cfg.principles.interventions else ()
    return PrincipleChoice(rl_bank(cfg.principles), tuple(interventions), cfg.ppo.principles)


def warn_of_absent_boosts(choice: PrincipleChoice) -> None:
    """Log which boosted principles the bank does not have; boosting these has no effect."""
    boosted = [name for names in choice.sampling.boosted.values() for name in names]
    if absent := choice.bank.missing(boosted):
        log.warning("ppo.principles.boosted names principles that %s lacks: %s", choice.bank.name, ", ".join(absent))
