"""What a report is about: the options beside ``_target_`` in ``hydra.callbacks.sweep``, set in an experiment's file."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from salmon.errors import SalmonError

KINDS = ("study", "controllability", "reward_hacking", "ablations")


@dataclass(frozen=True)
class ReportSettings:
    kind: str = "study"  # for any grid; the others are for the experiments of that name
    arm: tuple[str, ...] = ("principles.name",)  # config keys whose values, joined, name a job's arm
    seed: str = "ppo.seed"  # config key of what is repeated within an arm
    checks: tuple[str, ...] = ("Concise", "Comprehensive", "Structured")  # principles whose checks get a column
    quality: tuple[str, ...] = ()  # further metrics with a column, by their names in metrics.jsonl
    hacked: str = "No Self-Praise"  # reward_hacking: the principle whose violations are counted
    without: str = "reward_hacking_plain"  # reward_hacking: the arm without the intervention,
    told: str = "reward_hacking_told"  # and the one with it
    samples: int = 3  # prompts whose responses are shown


def read_settings(options: Mapping[str, Any]) -> ReportSettings:
    """Settings from the plain options of a callback.

    Raises:
        SalmonError: an option that is none, a kind that is none, or a value of the wrong type.
    """
    place = "hydra.callbacks.sweep"
    known = {field.name: field.type for field in fields(ReportSettings)}
    if unknown := sorted(set(options) - set(known)):
        raise SalmonError(f"{place}: unknown option {', '.join(unknown)}; there are {', '.join(known)}")
    if options.get("kind", "study") not in KINDS:
        raise SalmonError(f"{place}: kind is {options.get('kind')!r}; choose one of {', '.join(KINDS)}")
    values: dict[str, Any] = {}
    for name, value in options.items():
        if known[name] == tuple[str, ...]:
            values[name] = (value,) if isinstance(value, str) else tuple(value)
            fits = all(isinstance(item, str) for item in values[name])
        else:
            values[name] = value
            fits = type(value) is known[name]
        if not fits:
            raise SalmonError(f"{place}: {name}={value!r} has the wrong type")
    return ReportSettings(**values)
