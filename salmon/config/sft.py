"""Settings of the stage ``sft``: where its answers come from, and supervised fine-tuning on them."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.data import STYLES
from salmon.config.sampling import SamplingSettings
from salmon.config.setting import probabilities, setting
from salmon.config.training import SupervisedSettings


class SFTSource(Enum):
    self_align = "self_align"  # the base's answers to the Self-Align prompt: rules, worked examples (the paper)
    demonstrations = "demonstrations"  # answers that are given
    styled = "styled"  # the base's plain answers, each rewritten in random styles (salmon/data/styles.py)


@dataclass
class FilterSettings:
    """Self-Align answer filters (PAPER.md 2.1); each is one named function in salmon/data/filters.py."""

    min_answer_chars: int = setting(at_least=0)  # finished answers with fewer characters are dropped
    # An answer that copies a prompt of more characters than this is dropped.
    max_prompt_overlap_chars: int = setting(at_least=0)
    blocklist: list[str] = MISSING  # phrases of the worked examples; an answer that has one has leaked and is dropped


@dataclass
class SFTConfig:
    # folder of an adapter that training goes on from; null = a new adapter
    start: str | None = setting(by_content=True)
    source: SFTSource = MISSING
    samples_per_prompt: int = setting(at_least=1)  # source=styled: answers sampled for each prompt
    styles: dict[str, float] = probabilities(STYLES)  # source=styled: style -> probability that an answer gets it
    # source=demonstrations: JSONL file or "hub:NAME[:SPLIT]" of {prompt, response} rows. null = none
    demonstrations: str | None = setting(by_content=True)
    num_prompts: int | None = setting(at_least=1, null="all")  # prompts taken from the source
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    filters: FilterSettings = field(default_factory=FilterSettings)
    max_prompt_tokens: int = setting(at_least=1)  # in training rows, longer prompts are cut at their start
    # In training rows, longer answers are cut at their end, and then get no end token.
    max_response_tokens: int = setting(at_least=1)
    train: SupervisedSettings = field(default_factory=SupervisedSettings)
