"""Settings of the baselines: DPO, and best of n."""

from dataclasses import dataclass, field

from salmon.config.setting import setting
from salmon.config.training import SupervisedSettings


@dataclass
class DPOConfig:
    """Direct preference optimisation on the judged pairs (Rafailov et al. 2023): a baseline without reward model."""

    beta: float = setting(above=0)  # strength of the pull towards the SFT policy
    train: SupervisedSettings = field(default_factory=SupervisedSettings)


@dataclass
class BestOfNConfig:
    """The reward model's choice among n responses of the SFT policy: a baseline without training."""

    n: int = setting(at_least=1)  # responses sampled for each prompt
