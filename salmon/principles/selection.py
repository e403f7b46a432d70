"""Which principle bank each stage uses, as the config names it."""

from salmon.config.data import PrinciplesConfig
from salmon.principles.bank import Bank, load_bank


def reward_bank(settings: PrinciplesConfig) -> Bank:
    """Principles that pairs are judged by, and that the reward model is trained on."""
    bank = load_bank(settings.reward, exclude=settings.reward_exclude)
    return Bank(bank.name, tuple(p.in_first_wordings(settings.reward_wordings) for p in bank.principles))


def rl_bank(settings: PrinciplesConfig) -> Bank:
    """Principles that are sampled for each prompt; a bank without any where ``principles.rl`` is null."""
    if settings.rl is None:
        return Bank("none", ())
    return load_bank(settings.rl, exclude=settings.exclude, include=settings.include)


def monitor_bank(settings: PrinciplesConfig) -> Bank | None:
    """Principles whose checks are reported on the policy's responses."""
    return None if settings.monitor is None else load_bank(settings.monitor)
