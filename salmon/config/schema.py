"""Every setting: its type, its unit, its meaning.

The schema declares no values: each value stands once, in ``conf/`` (``paper.yaml`` of each group is
complete; the other choices inherit from it and change what they must). ``MISSING`` therefore
means "given by the YAML", and a composed config with anything missing is refused.

Settings marked ``cosmetic`` change speed, memory or reporting but not what a stage computes, so they
stay out of the stage's fingerprint.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING


def cosmetic() -> Any:
    """A field without influence on a stage's result (up to floating-point rounding)."""
    return field(default=MISSING, metadata={"cosmetic": True})


class Quantization(Enum):
    none = "none"
    nf4 = "nf4"  # bitsandbytes 4-bit NormalFloat with double quantisation


class Dtype(Enum):
    auto = "auto"  # bfloat16 where the GPU supports it, else float32 (bf16 on a CPU is 100 x slower)
    float32 = "float32"
    bfloat16 = "bfloat16"


class Optimizer(Enum):
    adamw = "adamw"
    paged_adamw_32bit = "paged_adamw_32bit"  # bitsandbytes
    paged_adamw_8bit = "paged_adamw_8bit"  # bitsandbytes


class Schedule(Enum):
    cosine = "cosine"
    linear = "linear"
    constant = "constant"


class SFTSource(Enum):
    self_align = "self_align"
    demonstrations = "demonstrations"
    styled = "styled"  # the base's own answers, restyled at random (salmon/data/styles.py)


class OnBadLine(Enum):
    stop = "stop"
    skip = "skip"


class PairJudge(Enum):
    """Who judges the pairs of the synthetic preferences."""

    self = "self"  # the SFT policy (the paper)
    verifier = "verifier"  # the principles' own programmatic checks
    server = "server"  # a model behind an OpenAI-compatible endpoint that returns log-probs


class ServerAPI(Enum):
    completions = "completions"
    chat = "chat"


class RewardSource(Enum):
    model = "model"  # the instructable reward model
    judge = "judge"  # the SFT policy, asked whether the response follows each principle (an ablation)


class LabelRule(Enum):
    most_pronounced = "most_pronounced"
    sum = "sum"


class KLEstimator(Enum):
    k1 = "k1"
    k2 = "k2"
    k3 = "k3"


class ValueInit(Enum):
    reward = "reward"  # adapter and head of the reward model
    reward_zero_head = "reward_zero_head"  # its adapter, a head of zeros (the released code)


class WandbMode(Enum):
    offline = "offline"
    online = "online"
    disabled = "disabled"


class Engine(Enum):
    """Which processes a job runs in (salmon/distributed/world.py)."""

    single = "single"  # one
    ddp = "ddp"  # one a GPU, each with the whole model
    zero2 = "zero2"  # the same, with gradients and optimiser state split over them (DeepSpeed)
    zero3 = "zero3"  # the base's weights split as well

    @property
    def splits_state(self) -> bool:
        return self in (Engine.zero2, Engine.zero3)


class RolloutBackend(Enum):
    hf = "hf"  # transformers, with the weights that are trained
    vllm = "vllm"  # an engine with a copy of the base of its own (salmon/sampling/vllm_sampler.py)


# Stages that a job has once; it evaluates more than one policy.
SweepStage = Enum("SweepStage", ["sft", "preferences", "reward", "ppo", "dpo", "best_of_n"])


# --- the model ---------------------------------------------------------------------------------


@dataclass
class LoraSettings:
    """LoRA on all linear layers except the language-model head."""

    r: int = MISSING  # rank
    alpha: float = MISSING  # the update is scaled by alpha / r
    dropout: float = MISSING


@dataclass
class ModelConfig:
    name: str = cosmetic()  # slug in run names, tags and tables
    path: str = MISSING  # hub id, local folder, "wheel:smollm2-135m-instruct" or "random:tiny"
    revision: str | None = MISSING  # hub revision (branch, tag or commit)
    quantization: Quantization = MISSING
    dtype: Dtype = MISSING  # compute dtype of the base
    context: int = MISSING  # longest sequence in tokens; must not exceed what the model was made for
    system_prompt: str = MISSING  # system message of every chat-formatted prompt; "" for none
    lora: LoraSettings = field(default_factory=LoraSettings)
    device: str = cosmetic()  # auto | cpu | cuda | cuda:N
    gradient_checkpointing: bool = cosmetic()


# --- data --------------------------------------------------------------------------------------


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


@dataclass
class SamplingSettings:
    temperature: float = MISSING
    top_p: float = MISSING  # 1.0 = the whole distribution
    max_new_tokens: int = MISSING
    batch_size: int = cosmetic()  # sequences generated together


# --- training ----------------------------------------------------------------------------------


@dataclass
class OptimSettings:
    optimizer: Optimizer = MISSING
    lr: float = MISSING  # peak learning rate
    schedule: Schedule = MISSING  # after warm-up, down towards 0 (reached one step after the last)
    warmup: float = MISSING  # below 1: share of all steps; from 1 on: a number of steps
    weight_decay: float = MISSING
    max_grad_norm: float = MISSING


@dataclass
class SupervisedSettings:
    """One pass of ordinary training over rows (SFT, reward model)."""

    epochs: int = MISSING  # 0 (sft and reward only) takes what `start` names as it is
    batch_size: int = MISSING  # rows per optimiser step
    micro_batch_size: int = cosmetic()  # rows per forward pass; gradients accumulate to batch_size
    save_every: int = cosmetic()  # optimiser steps between resumable checkpoints
    optim: OptimSettings = field(default_factory=OptimSettings)


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


@dataclass
class AggregationSettings:
    """Judgements -> preference rows (PAPER.md 2.3)."""

    passes: int = MISSING  # random principle subsets drawn for each pair
    geometric_p: float = MISSING  # success probability of the geometric number of principles
    max_principles: int = MISSING  # draws above it are rejected
    negation_probability: float = MISSING
    antithetic: bool = MISSING  # passes come in twos: the same principles, the negations' draws mirrored
    require_agreement: bool = MISSING  # score 0 where the two orders disagree; false: their mean, bias cancelled
    normalize_variance: bool = MISSING  # divide each principle's scores by their variance over the data
    label_rule: LabelRule = MISSING
    label_noise: float = MISSING  # probability that a label is flipped
    veto_label_noise: float = MISSING  # the same where a veto rule decided
    ai_disclaimer_veto: float = MISSING  # probability that the only answer with an AI disclaimer loses
    language_veto: bool = MISSING  # the only answer not in the prompt's language loses
    planted_bias: str | None = MISSING  # principle that labels go AGAINST where it is not shown (reward hacking study)
    planted_bias_probability: float = MISSING  # of that, where the responses differ in it


@dataclass
class ServerSettings:
    """An OpenAI-compatible endpoint that returns log-probs of next tokens."""

    base_url: str | None = MISSING  # ends in /v1; null = OpenAI's own
    model: str | None = MISSING  # its name at the endpoint
    api: ServerAPI = MISSING
    api_key_env: str = cosmetic()  # name of the environment variable that holds the key
    concurrency: int = cosmetic()  # requests at the same time
    max_retries: int = cosmetic()  # of a request that fails by rate limit, server error or time-out, with back-off
    timeout_s: float = cosmetic()


@dataclass
class PairJudgeSettings:
    kind: PairJudge = MISSING
    max_tokens: int = MISSING  # longest judge prompt; the answers are cut to fit
    server: ServerSettings = field(default_factory=ServerSettings)


@dataclass
class PreferencesConfig:
    num_prompts: int | None = MISSING
    samples_per_prompt: int = MISSING  # answers of the SFT policy
    pairs_per_prompt: int = MISSING  # of two different ones of them
    styles: dict[str, float] = MISSING  # probability of each style (salmon/data/styles.py) that answers are given
    contrast: float = MISSING  # share of pairs that are one answer in two sets of styles, one exchanged for another
    held_out_fraction: float = MISSING  # share of the prompts kept for the reward model's accuracy
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    min_response_chars: int = MISSING  # pairs with a shorter answer are dropped and counted
    judge: PairJudgeSettings = field(default_factory=PairJudgeSettings)
    aggregation: AggregationSettings = field(default_factory=AggregationSettings)


@dataclass
class PretrainSettings:
    """Preference pre-training of the reward model on (prompt, chosen, rejected) rows."""

    # JSONL path, "hub:NAME[:SPLIT]", null for no pre-training, or what needs no data (salmon/reward/pretraining.py):
    # "mismatched": an answer against one to another prompt
    data: str | None = MISSING
    limit: int | None = MISSING  # rows used
    max_length: int = MISSING
    max_instruction_tokens: int = MISSING
    max_response_tokens: int = MISSING
    train: SupervisedSettings = field(default_factory=SupervisedSettings)


@dataclass
class LessonSettings:
    """Training on the same pairs under fewer principles in fewer wordings first (salmon/reward/curriculum.py)."""

    principles: list[str] = MISSING  # of the reward bank; [] = all
    wordings: int | None = MISSING  # the first so many written ones of each polarity; null = all, framed ones too
    groups: int = MISSING  # pairs, each with up to reward.rows_together rows, trained on once, at most
    batch_size: int = MISSING  # of them in a step
    until: float = MISSING  # mean accuracy over 20 steps that ends the lesson earlier; 1 = hardly ever


@dataclass
class ProbeSettings:
    """The learning curve of a reward model (salmon/reward/probes.py)."""

    every: int | None = cosmetic()  # steps between measurements; null = none
    pairs: int = cosmetic()  # held-out pairs that they are of
    reworded: str | None = cosmetic()  # bank with the same principles in words that are not trained on


@dataclass
class RewardConfig:
    start: str | None = MISSING  # folder of adapter and scalar head that training goes on from; null = new ones
    pretrain: PretrainSettings = field(default_factory=PretrainSettings)
    lessons: list[LessonSettings] = MISSING  # in this order; [] = none
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    layers: int | None = MISSING  # layers of the base that reward and value model run through; null = all
    principles: bool = MISSING  # false: trained and asked without principles (plain RLAIF, an ablation)
    # Rows of one pair that are trained on together and count as ONE row of train.batch_size and micro_batch_size; what
    # their inputs begin with (response and instruction) is computed once for all of them.
    rows_together: int = MISSING
    max_length: int = MISSING  # tokens of the whole input
    max_instruction_tokens: int = MISSING  # longer instructions are cut at their start
    max_response_tokens: int = MISSING  # longer responses are cut at their end
    train: SupervisedSettings = field(default_factory=SupervisedSettings)


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
class RewardInputSettings:
    """Lengths of what the reward model reads at RL time, in tokens; as ``RewardConfig``'s."""

    max_length: int = MISSING
    max_instruction_tokens: int = MISSING
    max_response_tokens: int = MISSING


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


@dataclass
class DPOConfig:
    """Direct preference optimisation on the judged pairs (Rafailov et al. 2023): a baseline without reward model."""

    beta: float = MISSING
    train: SupervisedSettings = field(default_factory=SupervisedSettings)


@dataclass
class BestOfNConfig:
    """The reward model's choice among n answers of the SFT policy: a baseline without training."""

    n: int = MISSING


# --- the run -----------------------------------------------------------------------------------


@dataclass
class TrackingConfig:
    wandb: WandbMode = MISSING
    project: str = MISSING
    group: str | None = MISSING  # null = the pipeline's name
    tags: list[str] = MISSING  # besides model, principle set and stage
    sample_rows: int = MISSING  # rows of each sample table
    sweep_stage: SweepStage = MISSING  # whose run is that of the W&B sweep agent, where one started the job


@dataclass
class PathsConfig:
    store: str = MISSING  # artifact store
    wandb: str = MISSING  # folder that gets W&B's own "wandb/" folder
    cache: str = MISSING  # converted weights of bundled models


@dataclass
class EngineConfig:
    kind: Engine = cosmetic()
    uneven: bool = cosmetic()  # true: batches need not divide by the processes; some then wait in each step


@dataclass
class RolloutConfig:
    """What samples the responses of preferences, PPO and best-of-n (salmon/sampling/responses.py)."""

    backend: RolloutBackend = MISSING
    # Of vllm only:
    gpu_memory_utilization: float = cosmetic()  # share of the GPU's memory for weights and KV cache; of RAM on a CPU
    sleep: bool = cosmetic()  # give that memory back between rollouts (GPU only); its weights then wait in RAM
    enforce_eager: bool = cosmetic()  # no CUDA graphs or compilation: starts sooner, samples slower; always on a CPU


@dataclass
class LaunchConfig:
    gpus_per_job: int = cosmetic()  # of a multirun whose jobs run side by side; 0 = each job sees all of them


@dataclass
class Config:
    """Root of ``salmon``'s config."""

    name: str = MISSING  # the pipeline's name; default W&B group
    seed: int = MISSING
    stages: list[str] = MISSING
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
