"""Settings of the stage ``preferences``: answers, their judge, and how judgements become rows."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.sampling import SamplingSettings
from salmon.config.setting import cosmetic


class LabelRule(Enum):
    most_pronounced = "most_pronounced"
    sum = "sum"


class PairJudge(Enum):
    """Who judges the pairs of the synthetic preferences."""

    self = "self"  # the SFT policy (the paper)
    verifier = "verifier"  # the principles' own programmatic checks
    server = "server"  # a model behind an OpenAI-compatible endpoint that returns log-probs


class ServerAPI(Enum):
    completions = "completions"
    chat = "chat"


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
