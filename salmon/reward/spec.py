"""What the pipeline knows of the stage ``reward``."""

from typing import Any

from salmon.config.schema import Config
from salmon.data.sources import source_identity
from salmon.runtime.fingerprint import semantic
from salmon.stage.identity import split_identity, start_identity
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the reward model, besides the preference rows."""
    identity = {"reward": semantic(cfg.reward), **start_identity(cfg.reward.start)}
    if taken(cfg):
        return identity
    data = cfg.reward.pretrain.data
    if data is None or data == "mismatched":  # made of the preferences
        return identity | {"pretrain_data": data}
    return identity | {"pretrain_data": source_identity(data)} | split_identity(cfg)


def taken(cfg: Config) -> bool:
    """Whether the model in ``reward.start`` is the reward model as it is."""
    return cfg.reward.train.epochs == 0


SPEC = StageSpec(
    "reward", 3, "salmon.reward.stage", ("preferences",), settings, taken=taken, preflight="salmon.reward.preflight"
)
