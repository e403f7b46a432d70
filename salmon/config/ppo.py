"""Settings of the stage ``ppo``."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.data import QUESTION_TYPES
from salmon.config.sampling import SamplingSettings
from salmon.config.setting import penalty, probability, setting
from salmon.config.training import AUTO, MicroBatchSize, OptimSettings


class KLEstimator(Enum):
    """Estimators of the KL to the reference policy from sampled tokens (salmon/core/kl.py)."""

    k1 = "k1"  # log ratio: unbiased, may be negative
    k2 = "k2"  # half its square: biased, never negative
    k3 = "k3"  # exp(-log ratio) - 1 + log ratio: unbiased, never negative


class AdvantageEstimator(Enum):
    """What a sampled token's reward is compared with (salmon/ppo/learning_signal.py)."""

    gae = "gae"  # the predictions of a value model
    rloo = "rloo"  # the mean reward of the other answers to the prompt
    grpo = "grpo"  # the mean of all answers to the prompt, in units of their standard deviation
    reinforce_pp = "reinforce_pp"  # the mean return of all tokens of the rollout, in units of its standard deviation

    @property
    def has_value_model(self) -> bool:
        return self is AdvantageEstimator.gae

    @property
    def compares_answers(self) -> bool:
        """Whether a prompt must be answered more than once; a response then has one advantage for all of its tokens."""
        return self in (AdvantageEstimator.rloo, AdvantageEstimator.grpo)


class LossMean(Enum):
    """What the policy's loss is a mean over."""

    tokens = "tokens"  # all tokens of the minibatch: each weighs the same
    responses = "responses"  # its responses, of each the mean over its tokens: each response weighs the same


class KLPlace(Enum):
    """Where the KL from the reference policy is charged."""

    reward = "reward"  # in the reward of each token; no gradient flows through it
    loss = "loss"  # beside the policy's loss; its gradient is followed


class Sentinel(Enum):
    """What happens where the reward seems to be hacked (salmon/ppo/sentinel.py)."""

    off = "off"  # nobody looks
    warn = "warn"  # an alarm in the log and in the metrics
    stop = "stop"  # the run ends there too, and keeps the best policy from before


class ValueInit(Enum):
    """What the value model starts from."""

    reward = "reward"  # adapter and head of the reward model; what it says of a score is turned into units of returns
    reward_zero_head = "reward_zero_head"  # its adapter, a head of zeros (the released code)


@dataclass
class RewardInputSettings:
    """Lengths of what the reward model reads at RL time."""

    max_length: int = setting(at_least=1)  # tokens of the whole input
    max_instruction_tokens: int = setting(at_least=1)  # longer instructions are cut at their start
    max_response_tokens: int = setting(at_least=1)  # longer responses are cut at their end


@dataclass
class PrincipleSamplingSettings:
    """Which principles are shown to the reward model with each prompt."""

    per_prompt: int = setting(at_least=0)  # principles drawn for each prompt (K)
    boost: float = setting(at_least=0, at_most=1_000_000)  # added to the weight of a boosted principle in the draw
    boosted: dict[str, list[str]] = setting(choices=QUESTION_TYPES)  # question type -> names of boosted principles


@dataclass
class ShapingSettings:
    """From the score of a response to its reward; all in units of the score."""

    unfinished_penalty: float = penalty()  # added to the score of a response without an end token
    empty_penalty: float = penalty()  # added to the score of a response without a word
    length_bonus: float = MISSING  # bonus of a response of full length whose question type has multiplier 1
    length_bonus_cap: float = setting(at_least=0)  # multiplier * length / full length is kept within -cap and +cap
    length_bonus_multiplier: dict[str, float] = setting(choices=QUESTION_TYPES)  # question type -> multiplier
    center: bool = MISSING  # subtract the mean score on held-out prompts before the first update from every score
    scale: float = setting(above=0)  # factor on the whole shaped reward, KL penalty included
    whiten: bool = MISSING  # divide the rewards of all tokens by their standard deviation over the rollout


@dataclass
class KLSettings:
    """The penalty for leaving the reference policy."""

    place: KLPlace = MISSING
    estimator: KLEstimator = MISSING
    # Reward (in the loss: advantage) lost per nat; where adaptive, at the start.
    coefficient: float = setting(at_least=0)
    adaptive: bool = MISSING  # proportional controller of Ziegler et al. 2019
    target: float = setting(at_least=0)  # nats per response that the controller aims at
    horizon: float = setting(at_least=0)  # responses over which the controller reacts


@dataclass
class PPOConfig:
    seed: int = setting(at_least=0)  # of prompts, principles and sampling; ${seed} unless PPO alone is repeated
    advantage: AdvantageEstimator = MISSING  # a group of choices, conf/ppo/advantage: each brings what belongs to it
    answers_per_prompt: int = setting(at_least=1)  # to each prompt of a rollout, under one set of principles
    reward_source: str = MISSING  # name of a reward function (salmon/ppo/rewards/registry.py)
    reward_input: RewardInputSettings = field(default_factory=RewardInputSettings)
    num_prompts: int | None = setting(at_least=1, null="all")  # prompts taken from the source
    held_out_prompts: int = setting(at_least=1)  # how many of these are held out: they choose the best checkpoint
    epochs: int = setting(at_least=1)  # passes over the training prompts
    max_updates: int | None = setting(at_least=1, null="all that the epochs give")  # the first so many are made
    rollout_batch: int = setting(at_least=1)  # responses sampled per update
    minibatch: int = setting(at_least=1)  # responses per optimiser step
    inner_epochs: int = setting(at_least=1)  # passes over the responses of an update
    # Responses per forward pass; auto: by their tokens (salmon/config/training.py).
    micro_batch_size: MicroBatchSize = setting(cosmetic=True, at_least=1, words=(AUTO,))
    # Policy, reference and value model read the same tokens in one pass over the base, each part of the batch under its
    # own adapter; where adapters or depths do not allow it, one after the other. The results are the same to rounding.
    one_pass: bool = setting(cosmetic=True)
    # Where the sampler's log-probs are the policy's up to rounding (rollout=hf in fp32), they are not computed again: a
    # pass less an update. Their difference is not watched then, and the entropy is estimated from them.
    keep_sampled_logprobs: bool = setting(cosmetic=True)
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    principles: PrincipleSamplingSettings = field(default_factory=PrincipleSamplingSettings)
    shaping: ShapingSettings = field(default_factory=ShapingSettings)
    kl: KLSettings = field(default_factory=KLSettings)
    gamma: float = probability()  # discount per token
    clip_range: float = setting(above=0)  # the policy's ratio is clipped to 1 - clip_range .. 1 + clip_range
    loss_mean: LossMean = MISSING
    whiten_advantages: bool = MISSING  # give the advantages of a rollout's tokens mean 0 and standard deviation 1
    # The next five are of the value model, so for advantage=gae only.
    lam: float = probability()  # lambda of generalised advantage estimation
    # Most that a value may move from that of the rollout, in units of the score; a return is shaping.scale times that.
    clip_range_value: float = setting(above=0)
    value_coefficient: float = setting(at_least=0)  # weight of the value loss
    value_init: ValueInit = MISSING
    critic_warmup_updates: int = setting(at_least=0)  # first updates that train the value model only
    # An update's inner epochs stop where approx_kl (nats per token) exceeds this.
    target_kl: float | None = setting(above=0, null="no limit")
    eval_every: int = setting(at_least=1)  # updates between evaluations on the held-out prompts
    save_every: int = setting(cosmetic=True, at_least=1)  # updates between resumable checkpoints
    # Updates between policies that are kept, for curves of benchmarks. It changes no policy; an artifact with such
    # policies has a fingerprint of its own all the same (salmon/ppo/spec.py).
    keep_every: int | None = setting(cosmetic=True, at_least=1, null="none")
    # Only where it is "stop" can it change a policy; then it is part of the fingerprint (salmon/ppo/spec.py).
    sentinel: Sentinel = setting(cosmetic=True)
    optim: OptimSettings = field(default_factory=OptimSettings)


OF_VALUE_MODEL = ("lam", "clip_range_value", "value_coefficient", "value_init", "critic_warmup_updates")
