"""Settings of the stage ``sft``: Self-Align answers, and supervised fine-tuning on them."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.sampling import SamplingSettings
from salmon.config.training import SupervisedSettings


class SFTSource(Enum):
    self_align = "self_align"
    demonstrations = "demonstrations"
    styled = "styled"  # the base's own answers, restyled at random (salmon/data/styles.py)


@dataclass
class FilterSettings:
    """Self-Align answer filters (PAPER.md 2.1); each is one named function in salmon/data/filters.py."""

    min_answer_chars: int = MISSING  # finished answers below this are dropped
    max_prompt_overlap_chars: int = MISSING  # prompts longer than this must not be copied into the answer
    blocklist: list[str] = MISSING  # phrases of the exemplars whose appearance is leakage


@dataclass
class SFTConfig:
    start: str | None = MISSING  # folder of an adapter that training goes on from; null = a new one
    source: SFTSource = MISSING
    samples_per_prompt: int = MISSING  # styled: answers to each prompt
    styles: dict[str, float] = MISSING  # styled: probability of each style
    demonstrations: str | None = MISSING  # JSONL path or "hub:NAME[:SPLIT]" with {prompt, response} rows
    num_prompts: int | None = MISSING  # prompts used from the source; null = all
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    max_prompt_tokens: int = MISSING  # training rows: longer prompts are cut at their start
    max_response_tokens: int = MISSING  # longer answers are cut at their end (and then get no end token)
    train: SupervisedSettings = field(default_factory=SupervisedSettings)
