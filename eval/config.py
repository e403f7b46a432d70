"""Every setting of the evaluation: its type, its unit, its meaning (read as ``salmon/config/schema.py`` says)."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.model import ModelConfig
from salmon.config.run import EngineConfig, PathsConfig, TrackingConfig
from salmon.config.setting import cosmetic


class JudgeKind(Enum):
    local = "local"  # expected rating over the judge's logits; comparable with nothing else
    openai = "openai"  # any OpenAI-compatible chat endpoint
    none = "none"  # write the answers, judge nothing


MTBenchMode = Enum("MTBenchMode", ["single", "pair", "both"])


class BBHMode(Enum):
    direct = "direct"
    cot = "cot"


@dataclass
class EndpointSettings:
    """A model behind an OpenAI-compatible server (eval/endpoint.py)."""

    model: str | None = MISSING  # its name at the server
    base_url: str | None = MISSING  # null = OpenAI's own
    api_key_env: str = cosmetic()  # name of the environment variable that holds the key
    max_retries: int = cosmetic()  # of a call that fails by rate limit, server error or time-out, with back-off
    timeout_s: float = cosmetic()
    concurrent_calls: int = cosmetic()
    calls_per_minute: float | None = cosmetic()  # null = as many as the server takes
    price_prompt: float | None = cosmetic()  # of a million tokens; null = unknown
    price_completion: float | None = cosmetic()


@dataclass
class EvalJudgeSettings(EndpointSettings):
    """``kind=local``: ``model`` is a name or folder of weights, null = the run's base model."""

    kind: JudgeKind = MISSING
    repeats: int = MISSING  # ratings of each turn, odd; the median counts. 1 = FastChat's, at temperature 0
    temperature: float = MISSING  # of several ratings


@dataclass
class MTBenchSettings:
    max_new_tokens: int = MISSING  # per turn
    template: str = MISSING  # "tokenizer" (its chat template), or a conversation of FastChat's, e.g. vicuna_v1.1
    mode: MTBenchMode = MISSING  # ratings, comparisons with the baseline, or both
    baseline: str | None = MISSING  # FastChat's model_answer/<model>.jsonl to compare with
    references: str = MISSING  # author in the data's reference_answer/, or a file of reference answers
    judge: EvalJudgeSettings = field(default_factory=EvalJudgeSettings)


@dataclass
class TruthfulQAJudgeSettings(EndpointSettings):
    """``kind=local``: ``model`` judges whether answers are true; null = the run's base, which was not made for it."""

    kind: JudgeKind = MISSING
    informative_model: str | None = MISSING  # local only: judges whether they say anything; null = the base as well


@dataclass
class TruthfulQAGenSettings:
    max_new_tokens: int = MISSING
    judge: TruthfulQAJudgeSettings = field(default_factory=TruthfulQAJudgeSettings)


@dataclass
class BBHSettings:
    mode: BBHMode = MISSING
    tasks: list[str] | None = MISSING  # null = all 27
    max_new_tokens: int = MISSING


@dataclass
class HumanEvalSettings:
    max_new_tokens: int = MISSING
    execute: bool = MISSING  # run what the model wrote, behind a fence (eval/humaneval/fence.py); false = write it only
    timeout_s: float = MISSING  # of each program
    memory_mib: int = MISSING  # of each program


@dataclass
class TyDiQASettings:
    languages: list[str] | None = MISSING  # null = all nine, or those that a local folder has
    max_new_tokens: int = MISSING


@dataclass
class PrincipleFollowingSettings:
    """Does a reward model obey the principles it is given? (eval/principle_following)"""

    trained: str = MISSING  # bank with checks whose texts were trained on
    paraphrased: str | None = MISSING  # the same principles in words that were never trained on
    unseen: str | None = MISSING  # principles that were never trained on
    untrained: list[str] = MISSING  # names of the first two banks that were not trained on either: they count as unseen
    pairs: str | None = MISSING  # JSONL of {prompt_id, prompt, response_1, response_2}; null = the held-out pairs
    # of the preferences that the reward model was trained with
    real_pairs: dict[str, str] = MISSING  # name -> JSONL[.gz] of {prompt, chosen, rejected} or {chosen, rejected}
    real_banks: list[str] = MISSING  # banks under which the real pairs are scored
    limit: int | None = MISSING  # pairs of each source; null = all
    batch_size: int = cosmetic()  # inputs per forward pass; those of one response share what they begin with
    bootstrap: int = MISSING  # resamples of the prompts for the 95 % intervals


@dataclass
class PairsSettings:
    """Does a checkpoint prefer the better of two responses? (eval/pairs)"""

    files: dict[str, str] = MISSING  # name -> JSONL[.gz], JSON, or BIG-bench folder; formats in eval/pairs/files.py
    banks: list[str] = MISSING  # under which a reward model scores them


@dataclass
class SafetyProbeSettings:
    """Does a policy answer what it should, and refuse what it should not answer? (eval/probes)"""

    files: dict[str, str] = MISSING  # name -> JSONL[.gz] of {prompt[, category, expect]}, or .txt, a prompt a line
    max_new_tokens: int = MISSING


@dataclass
class EvalConfig:
    name: str = cosmetic()  # slug of the suite
    # of: truthfulqa_mc1, truthfulqa_mc2, truthfulqa_gen, bbh, humaneval, tydiqa_goldp, mt_bench, pairs, probes,
    # principle_following
    tasks: list[str] = MISSING
    data_dir: str | None = MISSING  # "mini" (bundled smoke test), a folder laid out like eval/mini, null = hub
    limit: int | None = MISSING  # items per task; null = all. Any limit is shown in the table
    batch_size: int = cosmetic()
    chat_template: bool = MISSING  # apply the chat template to lm-eval's prompts
    bbh: BBHSettings = field(default_factory=BBHSettings)
    truthfulqa_gen: TruthfulQAGenSettings = field(default_factory=TruthfulQAGenSettings)
    humaneval: HumanEvalSettings = field(default_factory=HumanEvalSettings)
    tydiqa: TyDiQASettings = field(default_factory=TyDiQASettings)
    mt_bench: MTBenchSettings = field(default_factory=MTBenchSettings)
    pairs: PairsSettings = field(default_factory=PairsSettings)
    probes: SafetyProbeSettings = field(default_factory=SafetyProbeSettings)
    principle_following: PrincipleFollowingSettings = field(default_factory=PrincipleFollowingSettings)


@dataclass
class EvalApp:
    """Root of ``python -m eval``'s config."""

    checkpoint: str = MISSING  # comma-separated: artifact folders, PEFT adapter folders, or "base"
    task: str | None = MISSING  # one task in place of eval.tasks; null = those
    seed: int = MISSING
    output: str = MISSING  # folder for results
    model: ModelConfig = field(default_factory=ModelConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
