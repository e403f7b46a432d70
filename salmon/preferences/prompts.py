"""The prompts whose answers are compared: those that the reward model learns from, and those that measure it."""

from typing import TYPE_CHECKING

from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.data.split import Split
from salmon.sampling.prompts import Wanted, take_prompts, usable_prompts

if TYPE_CHECKING:
    from salmon.models.chat import ChatFormat  # its package imports torch


def select_preference_prompts(cfg: Config, chat: "ChatFormat") -> Split[Prompt]:
    """Load the prompts; ``preferences.held_out_fraction`` of them are of the held-out side, which no stage trains on.

    Raises:
        SalmonError: the source has too few usable prompts of a side.
    """
    source = cfg.prompts.preferences
    usable = usable_prompts(source, cfg.prompts, chat, cfg.seed, "preferences")
    return take_prompts(usable, wanted_preference_prompts(cfg, usable), source, cfg.prompts.held_out)


def wanted_preference_prompts(cfg: Config, usable: Split[Prompt]) -> Wanted:
    """How many prompts of each side the settings ask for.

    Without ``preferences.num_prompts`` all training prompts are taken, and as many held-out ones as the fraction asks
    for and there are.
    """
    settings = cfg.preferences
    total = usable.all if settings.num_prompts is None else settings.num_prompts
    held_out = min(round(settings.held_out_fraction * total), total - 1)
    if settings.num_prompts is None:
        held_out = min(held_out, len(usable.held_out))
    return Wanted("preferences", settings.num_prompts, held_out, "preferences.held_out_fraction")
