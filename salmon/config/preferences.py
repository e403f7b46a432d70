"""Settings of the stage ``preferences``: answers in pairs, their judge, and how judgements become rows."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.data import STYLES
from salmon.config.endpoint import EndpointSettings
from salmon.config.sampling import SamplingSettings
from salmon.config.setting import probabilities, probability, setting


class LabelRule(Enum):
    """Which response of a pair is preferred, given the scores by several principles."""

    most_pronounced = "most_pronounced"  # the sign of the score that is furthest from 0 (the paper)
    sum = "sum"  # the sign of the sum of the scores


class Normalization(Enum):
    """The variance, over all pairs, that each principle's scores are divided by."""

    judgements = "judgements"  # of the judgements, those of both presentation orders (the released code)
    scores = "scores"  # of the scores that the two orders were combined to, with 0 for a tie
    none = "none"  # scores are not divided


class PairJudge(Enum):
    """Who judges the pairs of the synthetic preferences."""

    self = "self"  # the SFT policy (the paper)
    verifier = "verifier"  # the principles' own programmatic checks
    server = "server"  # a model behind an OpenAI-compatible endpoint that returns log-probs


class ServerAPI(Enum):
    """Which interface of the endpoint is called."""

    completions = "completions"
    chat = "chat"


@dataclass
class AggregationSettings:
    """Judgements -> preference rows (PAPER.md 2.3)."""

    passes: int = setting(at_least=1)  # random sets of principles drawn for each pair; each gives a row, if it decides
    geometric_p: float = setting(above=0, at_most=1)  # the number of principles in a set is geometric with this p
    max_principles: int = setting(at_least=1)  # most principles in a set; a larger draw is drawn again
    negation_probability: float = probability()  # that a principle of a set is negated
    # Sets come in twos with the same principles; the negation draws of the second mirror those of the first, so that at
    # negation_probability=0.5 a principle which is asserted in one is negated in the other.
    antithetic: bool = MISSING
    # Where the two orders of presentation prefer different responses, a principle's score is 0; false = the mean of
    # both orders, in which a constant preference for one place cancels out.
    require_agreement: bool = MISSING
    normalize_by_variance_of: Normalization = MISSING
    label_rule: LabelRule = MISSING
    label_noise: float = probability()  # that a label is flipped (in training rows only)
    veto_label_noise: float = probability()  # the same for labels that a veto decided
    ai_disclaimer_veto: float = probability()  # that the only response of a pair with an AI disclaimer loses
    language_veto: bool = MISSING  # the only response of a pair that is not in the prompt's language loses
    # Reward-hacking study: principle that labels go AGAINST in rows that do not show it. null = none
    planted_bias: str | None = MISSING
    planted_bias_probability: float = probability()  # of that, for a pair that the principle's check tells apart


@dataclass
class ServerSettings(EndpointSettings):
    """A server that returns log-probs of next tokens."""

    api: ServerAPI = MISSING


@dataclass
class PairJudgeSettings:
    kind: PairJudge = MISSING
    max_tokens: int = setting(at_least=1)  # longest judge prompt in tokens; the responses are cut to fit
    server: ServerSettings = field(default_factory=ServerSettings)


@dataclass
class PreferencesConfig:
    num_prompts: int | None = setting(at_least=1, null="all")  # prompts taken from the source
    samples_per_prompt: int = setting(at_least=2, reason="a pair has two answers")  # responses of the SFT policy
    pairs_per_prompt: int = setting(at_least=1)  # pairs made for each prompt, each of two different samples
    styles: dict[str, float] = probabilities(STYLES)  # style -> probability that a response is rewritten in it
    # Share of the pairs that are contrast pairs: one sample in two sets of styles that differ in one style.
    contrast: float = probability()
    held_out_fraction: float = setting(
        at_least=0, below=1
    )  # share of these that are held out: they measure the reward model
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    min_response_chars: int = setting(at_least=1)  # a pair with a response of fewer characters is dropped and counted
    judge: PairJudgeSettings = field(default_factory=PairJudgeSettings)
    aggregation: AggregationSettings = field(default_factory=AggregationSettings)
