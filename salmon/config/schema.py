"""The root of ``salmon``'s settings: one group of them a module, each with its type, its unit, its meaning.

The schema declares no values: each value stands once, in ``conf/`` (``paper.yaml`` of each group is
complete; the other choices inherit from it and change what they must). ``MISSING`` therefore
means "given by the YAML", and a composed config with anything missing is refused.

Settings marked ``cosmetic`` change speed, memory or reporting but not what a stage computes, so they
stay out of the stage's fingerprint. A setting's limits stand beside it (``salmon/config/setting.py``); rules that join
several settings are in ``salmon/config/rules.py``.
"""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from salmon.config.baselines import BestOfNConfig, DPOConfig
from salmon.config.data import PrinciplesConfig, PromptsConfig
from salmon.config.model import ModelConfig
from salmon.config.ppo import PPOConfig
from salmon.config.preferences import PreferencesConfig
from salmon.config.reward import RewardConfig
from salmon.config.run import EngineConfig, LaunchConfig, PathsConfig, TrackingConfig
from salmon.config.sampling import RolloutConfig
from salmon.config.setting import setting
from salmon.config.sft import SFTConfig
from salmon.config.texts import group_problem


@dataclass
class Config:
    """Root of ``salmon``'s config."""

    name: str = setting(text=group_problem)  # the pipeline's name; default W&B group
    seed: int = setting(at_least=0)  # of every random choice
    stages: list[str] = MISSING  # stages of the job; they run in the order of salmon/pipeline/registry.py
    model: ModelConfig = field(default_factory=ModelConfig)
    principles: PrinciplesConfig = field(default_factory=PrinciplesConfig)
    prompts: PromptsConfig = field(default_factory=PromptsConfig)
    sft: SFTConfig = field(default_factory=SFTConfig)
    preferences: PreferencesConfig = field(default_factory=PreferencesConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    dpo: DPOConfig = field(default_factory=DPOConfig)
    best_of_n: BestOfNConfig = field(default_factory=BestOfNConfig)
    eval: Any = MISSING  # the schema is the eval package's (salmon/config/extensions.py)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    launch: LaunchConfig = field(default_factory=LaunchConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    rollout: RolloutConfig = field(default_factory=RolloutConfig)
