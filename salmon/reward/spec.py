"""What the pipeline knows of the stage ``reward``."""

from typing import Any

from salmon.config.schema import Config
from salmon.data.sources import load_pairs, source_identity
from salmon.principles.bank import load_bank
from salmon.principles.selection import reward_bank
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


def check(cfg: Config) -> None:
    """Read the pairs of the pre-training, and the banks, and see whether the curriculum's principles are judged.

    Raises:
        SalmonError: a file cannot be read or has a bad row, or a name is not in its bank.
    """
    if taken(cfg):
        return
    from salmon.reward.curriculum import require_judged  # torch

    data, probe, bank = cfg.reward.pretrain.data, cfg.reward.probe, reward_bank(cfg.principles)
    for number, stage in enumerate(cfg.reward.curriculum):
        require_judged(stage.principles, bank, number)
    if probe.every is not None and probe.reworded:
        load_bank(probe.reworded)
    if data is not None and data != "mismatched":
        load_pairs(data, cfg.prompts.on_bad_line)


SPEC = StageSpec(
    "reward",
    3,
    "salmon.reward.stage",
    ("preferences",),
    settings,
    taken=taken,
    preflight="salmon.reward.preflight",
    check=check,
)
