"""What the pipeline knows of the stage ``sft``."""

from typing import Any

from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.data.sources import load_demonstrations, source_identity
from salmon.principles.bank import load_bank
from salmon.principles.exemplars import load_exemplars
from salmon.runtime.fingerprint import semantic
from salmon.sampling.prompts import Wanted
from salmon.stage.files import check_prompts
from salmon.stage.identity import prompts_identity, rollout_identity, split_identity, start_identity
from salmon.stage.spec import StageSpec


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the policy."""
    identity: dict[str, Any] = start_identity(cfg.sft.start)
    if taken(cfg):
        return identity
    identity["sft"] = semantic(cfg.sft)
    given = cfg.sft.source is SFTSource.demonstrations
    identity |= split_identity(cfg) if given else prompts_identity(cfg, cfg.prompts.sft)
    if cfg.sft.source is SFTSource.styled:
        identity |= rollout_identity(cfg)
    if cfg.sft.source is SFTSource.self_align:
        identity |= {"rules": load_bank(cfg.principles.self_align).content()}
    if cfg.sft.source is SFTSource.self_align or cfg.sft.demonstrations == "exemplars":
        identity["exemplars"] = [semantic(e) for e in load_exemplars(cfg.principles.exemplars)]
    elif cfg.sft.demonstrations:
        identity["demonstrations"] = source_identity(cfg.sft.demonstrations)
    return identity


def taken(cfg: Config) -> bool:
    """Whether the adapter ``sft.start`` is the policy as it is."""
    return cfg.sft.train.epochs == 0


def check(cfg: Config) -> None:
    """Read the prompts, or the given answers.

    Raises:
        SalmonError: a file cannot be read, or has a bad row.
    """
    if taken(cfg):
        return
    if cfg.sft.source is not SFTSource.demonstrations:
        check_prompts(cfg, cfg.prompts.sft, lambda _: Wanted("sft", cfg.sft.num_prompts))
    elif cfg.sft.demonstrations not in (None, "exemplars"):
        load_demonstrations(cfg.sft.demonstrations or "", cfg.prompts.on_bad_line)


SPEC = StageSpec(
    "sft", 3, "salmon.sft.stage", (), settings, {"sft": "policy"}, taken, preflight="salmon.sft.preflight", check=check
)
