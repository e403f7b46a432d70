"""Groups of the config that packages above ``salmon`` own, found by their entry points: ``eval`` brings its own.

An entry point of the group ``salmon.config`` names an ``Extension``; its name is the key in the config. The stages that
can be chosen are those of the method and the entry points of the group ``salmon.stages``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Any

METHOD_STAGES = ("sft", "preferences", "reward", "ppo", "dpo", "best_of_n")


@dataclass(frozen=True)
class Extension:
    """A group of the config: its schema, and its rules that a type cannot state."""

    schema: type
    rules: Callable[[Any], Iterator[str]]  # of a whole config that has this group: what is wrong, in plain words


@cache
def extensions() -> dict[str, Extension]:
    """The installed extensions by their key in the config."""
    return {point.name: point.load() for point in entry_points(group="salmon.config")}


@cache
def stage_names() -> tuple[str, ...]:
    """All stages that a job can have, in the order in which they run."""
    return (*METHOD_STAGES, *sorted(entry_points(group="salmon.stages").names))
