"""PPO's prompts: those it trains on, and those that every policy is measured on (PPO, DPO and best-of-n alike)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salmon.config.ppo import PPOConfig
from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.data.split import Split
from salmon.errors import SalmonError
from salmon.runtime.seeding import stream
from salmon.sampling.prompts import Wanted, select_prompts

if TYPE_CHECKING:
    from salmon.models.chat import ChatFormat  # its package imports torch


@dataclass(frozen=True)
class PromptBatch:
    """Prompts that are answered together, each with the random key of its response and principles."""

    prompts: list[Prompt]
    keys: list[tuple]

    def repeated(self, answers: int) -> "PromptBatch":
        """Each prompt ``answers`` times, one after the other, every time with another key; the first keeps its own."""
        return PromptBatch(
            [prompt for prompt in self.prompts for _ in range(answers)],
            [(*key, "answer", number) if number else key for key in self.keys for number in range(answers)],
        )


def select_ppo_prompts(cfg: Config, chat: "ChatFormat") -> Split[Prompt]:
    """Load PPO's prompts; ``ppo.held_out_prompts`` of them are of the held-out side, which no stage trains on.

    Raises:
        SalmonError: the source has too few usable prompts of a side.
    """
    return select_prompts(cfg.prompts.ppo, cfg.prompts, wanted_ppo_prompts(cfg), chat, cfg.seed)


def wanted_ppo_prompts(cfg: Config) -> Wanted:
    """How many prompts of each side the settings ask for."""
    return Wanted("ppo", cfg.ppo.num_prompts, cfg.ppo.held_out_prompts, "ppo.held_out_prompts")


def held_out_batch(prompts: Sequence[Prompt], seed: int) -> PromptBatch:
    """Held-out prompts with the same random keys at every step and in every stage."""
    return PromptBatch(list(prompts), [(seed, "held out", prompt.id) for prompt in prompts])


def schedule(prompts: Split[Prompt], ppo: PPOConfig) -> list[PromptBatch]:
    """The prompts of every update of a run, in an order shuffled anew each epoch.

    Prompts at the end that do not fill a rollout are left out, and those of updates after ``ppo.max_updates``.

    Raises:
        SalmonError: there are not enough prompts for one rollout.
    """
    training, size = prompts.training, ppo.rollout_batch // ppo.answers_per_prompt
    if len(training) * ppo.epochs < size:
        raise SalmonError(
            f"ppo: {len(training)} training prompts (after {len(prompts.held_out)} held out) x {ppo.epochs} "
            f"epochs do not fill one rollout of ppo.rollout_batch={ppo.rollout_batch}, which has {size} prompts. Lower "
            "it, or raise ppo.num_prompts or ppo.epochs"
        )
    sequence = [
        (training[i], epoch)
        for epoch in range(ppo.epochs)
        for i in stream(ppo.seed, "ppo", "order", epoch).permutation(len(training))
    ]
    batches = [sequence[start : start + size] for start in range(0, len(sequence) - size + 1, size)]
    return [
        PromptBatch(
            [prompt for prompt, _ in batch], [(ppo.seed, "rollout", prompt.id, epoch) for prompt, epoch in batch]
        )
        for batch in batches[: ppo.max_updates]
    ]
