"""Settings of the stage ``reward``: the instructable reward model."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from salmon.config.setting import cosmetic
from salmon.config.training import SupervisedSettings


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
