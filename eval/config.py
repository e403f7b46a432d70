"""Every setting of the evaluation: its type, its unit, its meaning (read as ``salmon/config/schema.py`` says)."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.endpoint import EndpointSettings
from salmon.config.model import ModelConfig
from salmon.config.run import EngineConfig, PathsConfig, TrackingConfig
from salmon.config.setting import file, setting
from salmon.config.texts import label_problem

EVAL_TASKS = (
    "truthfulqa_mc1",
    "truthfulqa_mc2",
    "truthfulqa_gen",
    "bbh",
    "humaneval",
    "tydiqa_goldp",
    "mt_bench",
    "ifbench",
    "pairs",
    "probes",
    "principle_following",
)
ITEM_SETS = (  # of principle_following; see eval/README.md
    "trained_wordings",
    "heldout_words",
    "heldout_wordings",
    "quoted",
    "unedited",
    "unseen_families",
    "ifbench_families",
    "contrast",
    "paraphrased_contrast",
    "unseen_contrast",
)
GROUP_OF_TASK = {  # benchmark -> group of settings that it alone reads
    "truthfulqa_gen": "truthfulqa_gen",
    "bbh": "bbh",
    "humaneval": "humaneval",
    "tydiqa_goldp": "tydiqa",
    "mt_bench": "mt_bench",
    "ifbench": "ifbench",
    "pairs": "pairs",
    "probes": "probes",
    "principle_following": "principle_following",
}
_SCORED = ("pairs", "principle_following")  # are read from likelihoods or scores
# Benchmarks that are answered in the model's own words, of at most ``max_new_tokens`` of the group.
GENERATING = {task: group for task, group in GROUP_OF_TASK.items() if task not in _SCORED}
TYDIQA_LANGUAGES = ("arabic", "bengali", "english", "finnish", "indonesian", "korean", "russian", "swahili", "telugu")


class JudgeKind(Enum):
    local = "local"  # a model on this machine, read by its logits; MT-Bench's ratings compare with no published ones
    openai = "openai"  # a model behind an OpenAI-compatible endpoint
    none = "none"  # write the answers, judge nothing


MTBenchMode = Enum("MTBenchMode", ["single", "pair", "both"])


class BBHMode(Enum):
    direct = "direct"  # the answer at once
    cot = "cot"  # after a chain of thought


@dataclass
class EvalJudgeSettings(EndpointSettings):
    """``kind=local``: ``model`` is a name or folder of weights, null = the run's base model."""

    kind: JudgeKind = MISSING
    repeats: int = setting(at_least=1)  # ratings of each turn, odd; the median counts. 1 = FastChat's, at temperature 0
    temperature: float = setting(at_least=0)  # at which ratings are sampled where there are several


@dataclass
class MTBenchSettings:
    max_new_tokens: int = setting(at_least=1)  # longest answer of each turn, in tokens
    template: str = MISSING  # "tokenizer" (its chat template), or a conversation of FastChat's, e.g. vicuna_v1.1
    mode: MTBenchMode = MISSING  # ratings, comparisons with the baseline, or both
    # FastChat's model_answer/<model>.jsonl to compare with; null = none
    baseline: str | None = setting(by_content=True)
    references: str = setting(by_content=True)  # author in the data's reference_answer/, or a file of reference answers
    judge: EvalJudgeSettings = field(default_factory=EvalJudgeSettings)


@dataclass
class TruthfulQAJudgeSettings(EndpointSettings):
    """``kind=local``: ``model`` judges whether answers are true; null = the run's base, which was not made for it."""

    kind: JudgeKind = MISSING
    informative_model: str | None = file()  # local only: judges whether they say anything; null = the base as well


@dataclass
class TruthfulQAGenSettings:
    max_new_tokens: int = setting(at_least=1)  # longest answer in tokens
    judge: TruthfulQAJudgeSettings = field(default_factory=TruthfulQAJudgeSettings)


@dataclass
class BBHSettings:
    mode: BBHMode = MISSING
    tasks: list[str] | None = MISSING  # names of BBH tasks; null = all 27
    max_new_tokens: int = setting(at_least=1)  # longest answer in tokens


@dataclass
class HumanEvalSettings:
    max_new_tokens: int = setting(at_least=1)  # longest program in tokens
    execute: bool = MISSING  # run what the model wrote, behind a fence (eval/humaneval/fence.py); false = write it only
    timeout_s: float = setting(at_least=1, at_most=86_400)  # seconds that each program may take
    memory_mib: int = setting(at_least=1, at_most=2**24)  # MiB of memory that each program may take


@dataclass
class TyDiQASettings:
    languages: list[str] | None = setting(choices=TYDIQA_LANGUAGES)  # null = all nine, or those of a local folder
    max_new_tokens: int = setting(at_least=1)  # longest answer in tokens


@dataclass
class IFBenchSettings:
    """Does a policy follow constraints that a program can check? (eval/ifbench; needs pip install -e '.[ifbench]')"""

    max_new_tokens: int = setting(at_least=1)  # longest answer in tokens


@dataclass
class PrincipleFollowingSettings:
    """Does a reward model obey the principles it is given? (eval/principle_following)"""

    trained: str = setting(by_content=True)  # bank with checks whose texts were trained on
    # bank of the same principles in words that were never trained on; null = none
    paraphrased: str | None = setting(by_content=True)
    unseen: str | None = setting(by_content=True)  # bank of principles that were never trained on; null = none
    untrained: list[str] = MISSING  # names in `trained` and `paraphrased` that count as unseen all the same
    # JSONL of {prompt_id, prompt, response_1, response_2}; null = the held-out pairs of the preferences that the reward
    # model was trained with
    pairs: str | None = setting(by_content=True)
    # name -> JSONL[.gz] of {prompt, chosen, rejected} or {chosen, rejected}
    real_pairs: dict[str, str] = setting(by_content=True)
    real_banks: list[str] = setting(by_content=True)  # banks whose principles are read while the real pairs are scored
    # Pairs of each family of parametric principles, and contrast pairs of each principle of the banks; more where that
    # makes fewer than 30 of a set (eval/principle_following/drawing.py). null = these are not measured.
    parametric_items: int | None = setting(at_least=1, null="none")
    sets: list[str] = setting(choices=ITEM_SETS)  # which of the sets of such pairs are measured
    limit: int | None = setting(at_least=1, null="all pairs")  # pairs that the banks are measured on
    real_limit: int | None = setting(at_least=1, null="all pairs")  # pairs of each file of `real_pairs`
    # Inputs per forward pass; the beginning that inputs of one response share is computed once.
    batch_size: int = setting(cosmetic=True, at_least=1)
    bootstrap: int = setting(at_least=0)  # resamples of the prompts for the 95 % intervals


@dataclass
class PairsSettings:
    """Does a checkpoint prefer the better response? (eval/pairs)"""

    # name -> JSONL[.gz], JSON, or folder of such; formats in eval/pairs/files.py and eval/pairs/formats
    files: dict[str, str] = setting(by_content=True)
    banks: list[str] = setting(by_content=True)  # banks read by a reward model where rows bring no guideline


@dataclass
class SafetyProbeSettings:
    """Does a policy answer what it should, and refuse what it should not answer? (eval/probes)"""

    # name -> JSONL[.gz] of {prompt[, category, expect]}, or .txt, a prompt a line
    files: dict[str, str] = setting(by_content=True)
    max_new_tokens: int = setting(at_least=1)  # longest answer in tokens


@dataclass
class DrawSettings:
    """How many items are drawn of a benchmark, evenly over its parts (eval/drawing.py). A draw replaces eval.limit."""

    truthfulqa_mc: int | None = setting(at_least=1, null="eval.limit")  # items, the same for truthfulqa_mc1 and _mc2
    bbh: int | None = setting(at_least=1, null="eval.limit")  # items, evenly over its tasks; one of each at least
    mt_bench: int | None = setting(at_least=1, null="eval.limit")  # questions, evenly over their categories
    seed: int = setting(at_least=0)  # of the draws; checkpoints can be compared item by item if it is the same


@dataclass
class EvalConfig:
    name: str = setting(cosmetic=True, text=label_problem)  # short name of the suite
    tasks: list[str] = setting(choices=EVAL_TASKS)  # benchmarks that are run
    # "mini" (bundled smoke test) or a folder laid out like eval/mini; null = the hub
    data_dir: str | None = setting(by_content=True)
    limit: int | None = setting(at_least=1, null="all items")  # items per task; a limit is shown in the table
    draw: DrawSettings = field(default_factory=DrawSettings)
    batch_size: int = setting(cosmetic=True, at_least=1)  # prompts per forward pass
    chat_template: bool = MISSING  # apply the chat template to lm-eval's prompts
    bbh: BBHSettings = field(default_factory=BBHSettings)
    truthfulqa_gen: TruthfulQAGenSettings = field(default_factory=TruthfulQAGenSettings)
    humaneval: HumanEvalSettings = field(default_factory=HumanEvalSettings)
    tydiqa: TyDiQASettings = field(default_factory=TyDiQASettings)
    mt_bench: MTBenchSettings = field(default_factory=MTBenchSettings)
    ifbench: IFBenchSettings = field(default_factory=IFBenchSettings)
    pairs: PairsSettings = field(default_factory=PairsSettings)
    probes: SafetyProbeSettings = field(default_factory=SafetyProbeSettings)
    principle_following: PrincipleFollowingSettings = field(default_factory=PrincipleFollowingSettings)


@dataclass
class EvalApp:
    """Root of ``python -m eval``'s config."""

    # Comma-separated: artifact folders, PEFT adapter folders, or "base"; null with a sweep
    checkpoint: str | None = MISSING
    sweep: str | None = file()  # folder of a finished multirun: all its checkpoints
    every_checkpoint: bool = MISSING  # of a sweep's policies those too that were kept on the way (ppo.keep_every)
    task: str | None = MISSING  # one task in place of eval.tasks; null = those
    seed: int = setting(at_least=0)  # of every random choice
    output: str = file()  # folder for results
    model: ModelConfig = field(default_factory=ModelConfig)
    eval: EvalConfig = field(default_factory=EvalConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    paths: PathsConfig = field(default_factory=PathsConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
