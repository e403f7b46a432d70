"""Settings of the stage ``ppo``."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.sampling import SamplingSettings
from salmon.config.setting import cosmetic
from salmon.config.training import OptimSettings


class RewardSource(Enum):
    model = "model"  # the instructable reward model
    judge = "judge"  # the SFT policy, asked whether the response follows each principle (an ablation)


class KLEstimator(Enum):
    k1 = "k1"
    k2 = "k2"
    k3 = "k3"


class ValueInit(Enum):
    reward = "reward"  # adapter and head of the reward model
    reward_zero_head = "reward_zero_head"  # its adapter, a head of zeros (the released code)


@dataclass
class RewardInputSettings:
    """Lengths of what the reward model reads at RL time, in tokens; as ``RewardConfig``'s."""

    max_length: int = MISSING
    max_instruction_tokens: int = MISSING
    max_response_tokens: int = MISSING


@dataclass
class PrincipleSamplingSettings:
    per_prompt: int = MISSING  # principles drawn for each prompt (K)
    boost: float = MISSING  # added to a boosted principle's weight
    boosted: dict[str, list[str]] = MISSING  # question type -> principles boosted for it


@dataclass
class ShapingSettings:
    unfinished_penalty: float = MISSING  # added to the score of a response without an end token
    empty_penalty: float = MISSING  # added to the score of a response without a word
    length_bonus: float = MISSING  # bonus of a response of full length at multiplier 1
    length_bonus_cap: float = MISSING  # upper and lower limit of multiplier * length / max length
    length_bonus_multiplier: dict[str, float] = MISSING  # question type -> multiplier
    center: bool = MISSING  # less the mean held-out reward before the first update: scores have no zero of their own
    scale: float = MISSING  # factor on the whole shaped reward
    whiten: bool = MISSING  # divide shaped rewards by their standard deviation over the rollout


@dataclass
class KLSettings:
    estimator: KLEstimator = MISSING
    coefficient: float = MISSING  # initial coefficient where adaptive
    adaptive: bool = MISSING  # proportional controller of Ziegler et al. 2019
    target: float = MISSING  # nats per response; adaptive only
    horizon: float = MISSING  # responses; adaptive only


@dataclass
class PPOConfig:
    seed: int = MISSING  # of prompts, principles and sampling; ${seed} unless PPO alone is repeated
    reward_source: RewardSource = MISSING
    reward_input: RewardInputSettings = field(default_factory=RewardInputSettings)
    num_prompts: int | None = MISSING
    held_out_prompts: int = MISSING  # of these, kept out of training to choose the best checkpoint
    epochs: int = MISSING  # passes over the training prompts
    rollout_batch: int = MISSING  # responses sampled per update
    minibatch: int = MISSING  # responses per optimiser step
    inner_epochs: int = MISSING  # passes over a rollout
    micro_batch_size: int = cosmetic()  # responses per forward pass
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    principles: PrincipleSamplingSettings = field(default_factory=PrincipleSamplingSettings)
    shaping: ShapingSettings = field(default_factory=ShapingSettings)
    kl: KLSettings = field(default_factory=KLSettings)
    gamma: float = MISSING
    lam: float = MISSING
    clip_range: float = MISSING  # of the policy ratio
    clip_range_value: float = MISSING
    value_coefficient: float = MISSING
    whiten_advantages: bool = MISSING
    value_init: ValueInit = MISSING
    critic_warmup_updates: int = MISSING  # first updates that train the value model only
    target_kl: float | None = MISSING  # stop an update's inner epochs when approx_kl exceeds it
    eval_every: int = MISSING  # updates between evaluations on the held-out prompts
    save_every: int = cosmetic()  # updates between resumable checkpoints
    # Updates between policies that are kept, for curves of benchmarks; null = none. It changes no policy; an artifact
    # with such policies has a fingerprint of its own all the same (salmon/pipeline/registry.py).
    keep_every: int | None = cosmetic()
    optim: OptimSettings = field(default_factory=OptimSettings)
