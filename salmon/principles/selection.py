"""Which principle bank each stage uses, as the config names it."""

from salmon.config.data import PrinciplesConfig
from salmon.errors import SalmonError
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
    """Principles whose checks are reported on the policy's responses.

    Raises:
        SalmonError: the bank cannot be read, or none of its principles has a check.
    """
    if settings.monitor is None:
        return None
    bank = load_bank(settings.monitor)
    if not any(principle.check for principle in bank.principles):
        raise SalmonError(
            f"principles.monitor={settings.monitor}: none of its principles has a check, so that nothing of it can be "
            "measured. Give its entries checks (check: concise), or take a bank that has some (verifiable_11), or "
            "principles.monitor=null"
        )
    return bank
