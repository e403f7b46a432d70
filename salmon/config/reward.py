"""Settings of the stage ``reward``: the instructable reward model."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import file, probability, setting
from salmon.config.training import SupervisedSettings


class RewardHead(Enum):
    """How a score is read from the last token's hidden state."""

    scalar = "scalar"  # a linear map that is trained; the input ends with "Quality:" (the paper)
    yes_no = "yes_no"  # log-odds of " Yes" against " No" by the base's own output layer; it ends with a question


@dataclass
class PretrainSettings:
    """Preference pre-training of the reward model on (prompt, chosen, rejected) rows."""

    # JSONL file or "hub:NAME[:SPLIT]"; "mismatched" = an answer against one to another prompt, which needs no data
    # (salmon/reward/pretraining.py); null = no pre-training.
    data: str | None = setting(by_content=True)
    limit: int | None = setting(at_least=1, null="all")  # rows used
    max_length: int = setting(at_least=1)  # tokens of the whole input
    max_instruction_tokens: int = setting(at_least=1)  # longer instructions are cut at their start
    max_response_tokens: int = setting(at_least=1)  # longer responses are cut at their end
    train: SupervisedSettings = field(default_factory=SupervisedSettings)


@dataclass
class CurriculumStage:
    """Training on the same pairs under fewer principles in fewer wordings first (salmon/reward/curriculum.py)."""

    principles: list[str] = MISSING  # names of principles in the bank principles.reward; [] = all
    # How many of the written wordings of each principle, asserted and negated, are used; null = all, framed ones too.
    wordings: int | None = setting(at_least=1, null="all")
    pairs: int = setting(at_least=1)  # most pairs trained on, each once with up to reward.rows_together rows
    batch_size: int = setting(at_least=1)  # pairs per optimiser step
    # Mean accuracy over 20 optimiser steps at which the stage ends before its last pair; 1 = hardly ever.
    stop_at_accuracy: float = probability()


@dataclass
class ProbeSettings:
    """The learning curve of a reward model (salmon/reward/probes.py)."""

    every: int | None = setting(cosmetic=True, at_least=1, null="none")  # optimiser steps between measurements
    pairs: int = setting(cosmetic=True, at_least=1)  # held-out pairs that are measured
    # Bank with the same principles in words that are not trained on, measured beside them; null = none
    reworded: str | None = file(cosmetic=True)


@dataclass
class RewardConfig:
    # folder of adapter and head that training goes on from; null = new ones
    start: str | None = setting(by_content=True)
    pretrain: PretrainSettings = field(default_factory=PretrainSettings)
    curriculum: list[CurriculumStage] = MISSING  # stages in this order, before reward.train; [] = none
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    head: RewardHead = MISSING
    # Layers of the base, from the first, that reward and value model run through.
    layers: int | None = setting(at_least=1, null="all")
    principles: bool = MISSING  # false: trained and asked without principles (plain RLAIF, an ablation)
    # Rows of one pair that are trained on together and count as ONE row of train.batch_size and micro_batch_size. What
    # their inputs begin with (response and instruction) is computed once for all of them.
    rows_together: int = setting(at_least=1)
    # Weight of the mean squared difference of a response's scores under the same principles in two wordings, among rows
    # that are trained on together; 0 = it is measured only.
    consistency: float = setting(at_least=0)
    max_length: int = setting(at_least=1)  # tokens of the whole input
    max_instruction_tokens: int = setting(at_least=1)  # longer instructions are cut at their start
    max_response_tokens: int = setting(at_least=1)  # longer responses are cut at their end
    train: SupervisedSettings = field(default_factory=SupervisedSettings)
