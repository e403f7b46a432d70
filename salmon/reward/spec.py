"""What the pipeline knows of the stage ``reward``."""

from typing import Any

from salmon.config.reward import MISMATCHED, PARAMETRIC
from salmon.config.schema import Config
from salmon.data.sources import load_pairs, source_identity
from salmon.principles.bank import load_bank
from salmon.principles.parametric.universe import load_universe
from salmon.runtime.fingerprint import fingerprint, semantic
from salmon.stage.identity import split_identity, start_identity
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the reward model, besides the preference rows."""
    identity = {"reward": semantic(cfg.reward), **start_identity(cfg.reward.start)}
    if taken(cfg):
        return identity
    data = cfg.reward.pretrain.data
    if data == PARAMETRIC:
        universe = load_universe(cfg.reward.parametric, cfg.prompts.held_out)
        return identity | {"pretrain_data": fingerprint("universe", 1, universe.content(), {})}
    if data is None or data == MISMATCHED:  # made of the preferences
        return identity | {"pretrain_data": data}
    return identity | {"pretrain_data": source_identity(data)} | split_identity(cfg)


def taken(cfg: Config) -> bool:
    """Whether the model in ``reward.start`` is the reward model as it is."""
    return cfg.reward.train.epochs == 0 and cfg.reward.pretrain.data is None


def check(cfg: Config) -> None:
    """Read the pairs or the principles of the pre-training, and the bank of the learning curve.

    Raises:
        SalmonError: a file cannot be read or has a bad row, or a family of principles is not sound.
    """
    if taken(cfg):
        return
    data, probe = cfg.reward.pretrain.data, cfg.reward.probe
    if probe.every is not None and probe.reworded:
        load_bank(probe.reworded)
    if data == PARAMETRIC:
        load_universe(cfg.reward.parametric, cfg.prompts.held_out)
    elif data is not None and data != MISMATCHED:
        load_pairs(data, cfg.prompts.on_bad_line)


SPEC = StageSpec(
    "reward",
    8,
    "salmon.reward.stage",
    ("preferences",),
    settings,
    alone=lambda cfg: cfg.reward.train.epochs == 0,
    preflight="salmon.reward.preflight",
    check=check,
)
