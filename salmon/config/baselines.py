"""Settings of the baselines: DPO, and best of n."""

from dataclasses import dataclass, field

from omegaconf import MISSING

from salmon.config.training import SupervisedSettings


@dataclass
class DPOConfig:
    """Direct preference optimisation on the judged pairs (Rafailov et al. 2023): a baseline without reward model."""

    beta: float = MISSING
    train: SupervisedSettings = field(default_factory=SupervisedSettings)


@dataclass
class BestOfNConfig:
    """The reward model's choice among n answers of the SFT policy: a baseline without training."""

    n: int = MISSING
