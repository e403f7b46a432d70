"""Settings of where prompts and principles come from."""

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING


class OnBadLine(Enum):
    stop = "stop"
    skip = "skip"


@dataclass
class PromptsConfig:
    """Where each stage's prompts come from: "bundled", a JSONL file, or "hub:NAME[:SPLIT[:COLUMN]]"."""

    sft: str = MISSING
    preferences: str = MISSING
    ppo: str = MISSING
    min_tokens: int = MISSING  # shorter prompts are dropped and counted
    max_tokens: int = MISSING  # longer prompts are dropped and counted
    on_bad_line: OnBadLine = MISSING  # stop at a malformed line, or skip and count it


@dataclass
class PrinciplesConfig:
    """Which bank each use of principles reads: a bundled bank's name, or a path to a YAML / JSON file."""

    name: str = MISSING  # slug in run names and tags
    self_align: str = MISSING  # rules of the Self-Align prompt
    exemplars: str = MISSING  # worked examples of the Self-Align prompt (name or YAML path)
    reward: str = MISSING  # principles judged for, and read by, the reward model
    reward_exclude: list[str] = MISSING  # names in that bank that are not used
    reward_wordings: int | None = MISSING  # only the first so many wordings of each, its definition first; null = all
    rl: str | None = MISSING  # principles sampled for each PPO prompt; null = none (generic criteria)
    include: list[str] = MISSING  # names of that bank that are used; [] = all
    exclude: list[str] = MISSING  # names of that bank that are not used
    interventions: str | None = MISSING  # principles always shown at RL time, before the sampled ones
    monitor: str | None = MISSING  # bank whose checks PPO reports on its responses; never rewarded; null = none
