"""Settings of where prompts and principles come from."""

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import setting
from salmon.config.texts import label_problem

QUESTION_TYPES = ("general", "reasoning", "red_teaming")  # types that a prompt may have
STYLES = (
    "foreign",
    "brief",
    "prose",
    "list",
    "formal",
    "informal",
    "actually",
    "excited",
    "generic_advice",
    "self_praise",
    "counter_question",
)  # ways in which an answer may be rewritten (salmon/data/styles.py)


class OnBadLine(Enum):
    """What happens at a line of a file that cannot be read as a row."""

    stop = "stop"  # the job ends with an error that names the line
    skip = "skip"  # the line is left out and counted


@dataclass
class PromptsConfig:
    """Where each stage's prompts come from: "bundled", a JSONL file, or "hub:NAME[:SPLIT[:COLUMN]]"."""

    sft: str = setting(by_content=True)  # prompts that the SFT stage answers
    preferences: str = setting(by_content=True)  # prompts whose answers are compared in pairs
    ppo: str = setting(by_content=True)  # prompts of PPO, for training and for its held-out evaluation
    min_tokens: int = setting(at_least=0)  # shorter prompts are dropped and counted
    max_tokens: int = setting(at_least=1)  # longer prompts are dropped and counted
    # Expected share of all prompts that no stage trains on, whatever source they come from; a prompt's text decides its
    # side (salmon/data/split.py). PPO, the baselines and the reward model are measured on such prompts.
    held_out: float = setting(at_least=0, below=1)
    on_bad_line: OnBadLine = MISSING


@dataclass
class PrinciplesConfig:
    """Which bank each use of principles reads: a bundled bank's name, or a path to a YAML / JSON file."""

    name: str = setting(text=label_problem)  # short name in run names and tags
    self_align: str = setting(by_content=True)  # rules of the Self-Align prompt
    # worked examples of the Self-Align prompt (a bundled name or the path of a YAML file)
    exemplars: str = setting(by_content=True)
    # principles by which pairs are judged and which the reward model learns to read
    reward: str = setting(by_content=True)
    reward_exclude: list[str] = MISSING  # names of principles in the bank `reward` that are not used
    # How many of the wordings of each principle in the bank `reward` are used, its definition being the first.
    reward_wordings: int | None = setting(at_least=1, null="all")
    # principles sampled for each PPO prompt; null = none (generic criteria instead)
    rl: str | None = setting(by_content=True)
    include: list[str] = MISSING  # names of principles in the bank `rl` that are used; [] = all
    exclude: list[str] = MISSING  # names of principles in the bank `rl` that are not used
    # principles shown with every PPO prompt, before the sampled ones; null = none
    interventions: str | None = setting(by_content=True)
    # Principles whose programmatic checks PPO reports on its responses. They are not rewarded. null = none
    monitor: str | None = setting(by_content=True)
