"""Everything that is read before a reward model is measured: banks, pairs, and items that are made."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

from eval.config import PrincipleFollowingSettings
from eval.principle_following.contrast_sets import contrast_set
from eval.principle_following.items import ItemSet
from eval.principle_following.pairs import SETTING as PAIRS
from eval.principle_following.pairs import RealPairs, drawn, find_pairs, read_pairs, read_real_pairs
from eval.principle_following.parametric_sets import parametric_sets
from eval.principle_following.report import TRAINED
from eval.principle_following.universe import read_universe, trained_alone
from eval.user_files import existing
from salmon.data.rows import content_id
from salmon.errors import SalmonError
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, load_bank
from salmon.principles.parametric.checks import family_of_check
from salmon.principles.parametric.universe import Universe
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.store import Artifact

log = logging.getLogger("salmon")

SETTINGS = "eval.principle_following"
PARAPHRASED = "paraphrased_"  # prefix of the paraphrased bank's metrics


@dataclass(frozen=True)
class Inputs:
    """Everything that is read from files, so that what is wrong with them shows before anything is computed."""

    banks: dict[str, Bank]  # prefix of its metrics -> bank
    pairs: list[Pair]
    pairs_source: str  # for people
    real: dict[str, RealPairs]
    real_banks: list[Bank]
    items: list[ItemSet]

    def key(self) -> dict[str, Any]:
        return {
            "banks": [bank.content() for bank in self.banks.values()],
            "pairs": [asdict(p) for p in self.pairs],
            "real": {name: [asdict(p) for p in real.pairs] for name, real in self.real.items()},
            "real_banks": [bank.content() for bank in self.real_banks] if self.real else [],
            "items": fingerprint("items", 1, {"sets": [asdict(items) for items in self.items]}, {}),
        }


def read_inputs(settings: PrincipleFollowingSettings, artifact: Artifact, seed: int) -> Inputs:
    """Banks and pairs for a reward artifact.

    Args:
        seed: draws the pairs where ``settings.limit`` leaves some out.

    Raises:
        SalmonError: a file is missing or malformed, or a bank has no checks.
    """
    alone, number = trained_alone(artifact), settings.parametric_items
    universe = read_universe(artifact) if alone or (number is not None and settings.sets) else None
    taught_by = universe if alone else None
    banks = read_banks(replace(settings, untrained=[*settings.untrained, *never_trained(settings, taught_by)]))
    real, real_banks = read_real(settings, seed)
    pairs, source = _pairs(settings, artifact, taught_by, seed)
    items = [] if universe is None or number is None else item_sets(settings.sets, number, banks, universe, seed)
    return Inputs(banks, pairs, source, real, real_banks, items)


def _pairs(
    settings: PrincipleFollowingSettings, artifact: Artifact, taught_by: Universe | None, seed: int
) -> tuple[list[Pair], str]:
    """The pairs that banks are measured on, and where they are from.

    A reward model of parametric principles alone has no preferences: its pairs are of the answers to held-out prompts
    that its universe has.

    Args:
        taught_by: as for ``never_trained``.
    """
    if settings.pairs is None and taught_by is not None:
        prompts = taught_by.held_out
        pairs = [
            Pair(content_id(asked.prompt), asked.prompt, *two)
            for asked in prompts
            for two in combinations(asked.answers, 2)
        ]
        return drawn(pairs, settings.limit, seed), "answers to held-out prompts as they were sampled"
    path = find_pairs(artifact, settings.pairs)
    return read_pairs(path, settings.limit, seed), str(path)


def item_sets(
    names: Collection[str], number: int, banks: dict[str, Bank], universe: Universe, seed: int
) -> list[ItemSet]:
    """The parametric sets, and the banks on contrast pairs, as far as they are named.

    Args:
        names: of the sets that are made.
        number: items of each family or principle.
        banks: by the prefix of their metrics.
    """
    contrasts = [
        contrast_set(prefix, bank, banks.get(PARAPHRASED) if prefix == TRAINED else None, universe, number, seed)
        for prefix, bank in banks.items()
        if f"{prefix}contrast" in names
    ]
    return [*parametric_sets(universe, number, seed, names), *(items for items in contrasts if items.items)]


def read_real(settings: PrincipleFollowingSettings, seed: int) -> tuple[dict[str, RealPairs], list[Bank]]:
    """Pairs with a human preference, and the banks that are read while they are scored.

    Raises:
        SalmonError: a file is missing or malformed.
    """
    real = {
        name: read_real_pairs(existing(f"{SETTINGS}.real_pairs.{name}", file), settings.real_limit, seed)
        for name, file in settings.real_pairs.items()
    }
    return real, [load_bank(spec) for spec in settings.real_banks] if real else []


def never_trained(settings: PrincipleFollowingSettings, taught_by: Universe | None) -> list[str]:
    """Principles of the trained bank whose family the reward model never read.

    Args:
        taught_by: of a reward model of parametric principles alone; None for any other, which may have read them all.
    """
    if taught_by is None:
        return []
    unseen = {family.name for family in taught_by.unseen.families}
    checked = {p.name: family_of_check(p.check or "") for p in load_bank(settings.trained).principles}
    return [name for name, one in checked.items() if one and one.family in unseen and name not in settings.untrained]


def check_given(settings: PrincipleFollowingSettings) -> None:
    """Read everything that does not hang on the reward model.

    Raises:
        SalmonError: a file is missing or malformed, or a bank has no checks.
    """
    read_banks(settings)
    read_real(settings, 0)
    if settings.pairs is not None:
        read_pairs(existing(PAIRS, settings.pairs), settings.limit, 0)


def read_banks(settings: PrincipleFollowingSettings) -> dict[str, Bank]:
    """The banks by the prefix of their metrics; ``settings.untrained`` moves from the first two to the unseen one."""
    untrained = settings.untrained
    banks = {TRAINED: checked_bank(settings.trained, f"{SETTINGS}.trained", exclude=untrained)}
    if settings.paraphrased:
        banks[PARAPHRASED] = checked_bank(settings.paraphrased, f"{SETTINGS}.paraphrased", exclude=untrained)
    unseen = [checked_bank(settings.unseen, f"{SETTINGS}.unseen")] if settings.unseen else []
    if untrained:
        unseen.append(checked_bank(settings.trained, f"{SETTINGS}.untrained", include=untrained))
    if unseen:
        banks["unseen_"] = Bank(unseen[0].name, tuple(p for bank in unseen for p in bank.principles))
    return banks


def checked_bank(spec: str, setting: str, exclude: Sequence[str] = (), include: Sequence[str] = ()) -> Bank:
    """The bank's principles that have a check.

    Raises:
        SalmonError: none has.
    """
    bank = load_bank(spec, exclude=exclude, include=include)
    kept = tuple(principle for principle in bank.principles if principle.check is not None)
    if not kept:
        raise SalmonError(
            f"{setting}={spec}: no principle of this bank has a `check`, so nobody can say which "
            "response follows it; give a bank with checks, such as verifiable_11"
        )
    if len(kept) < len(bank.principles):
        lacking = [principle.name for principle in bank.principles if principle.check is None]
        log.warning("%s=%s: without a check, so not measured: %s", setting, spec, ", ".join(lacking))
    return replace(bank, principles=kept)
