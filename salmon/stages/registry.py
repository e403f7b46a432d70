"""The stages by name: what each reads, what its fingerprint covers, where its code is.

Importing this is cheap; a stage's own module (torch, transformers) is imported when it runs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salmon.config.schema import Config, SFTSource
from salmon.data.sources import source_identity
from salmon.principles.bank import load_bank
from salmon.principles.exemplars import load_exemplars
from salmon.runtime.files import sha256_of
from salmon.runtime.fingerprint import semantic


@dataclass(frozen=True)
class StageSpec:
    """A stage as the pipeline sees it."""

    name: str
    version: int  # raised when the same settings would give another result
    module: str  # has ``run(cfg, ctx) -> metrics``
    upstream: tuple[str, ...]  # stages whose artifacts it reads
    settings: Callable[[Config], Mapping[str, Any]]  # everything that decides its result
    checkpoints: Mapping[str, str] = field(default_factory=dict)  # policies in its artifact: name -> folder


def _sft(cfg: Config) -> dict[str, Any]:
    settings: dict[str, Any] = {"sft": semantic(cfg.sft)}
    if cfg.sft.source is SFTSource.self_align:
        settings |= _prompts(cfg, cfg.prompts.sft) | {"rules": load_bank(cfg.principles.self_align).content()}
    if cfg.sft.source is SFTSource.self_align or cfg.sft.demonstrations == "exemplars":
        settings["exemplars"] = [semantic(e) for e in load_exemplars(cfg.principles.exemplars)]
    elif cfg.sft.demonstrations:
        settings["demonstrations"] = source_identity(cfg.sft.demonstrations)
    return settings


def _preferences(cfg: Config) -> dict[str, Any]:
    bank = load_bank(cfg.principles.reward, exclude=cfg.principles.reward_exclude)
    return _prompts(cfg, cfg.prompts.preferences) | {"preferences": semantic(cfg.preferences), "bank": bank.content()}


def _reward(cfg: Config) -> dict[str, Any]:
    data = cfg.reward.pretrain.data
    return {"reward": semantic(cfg.reward), "pretrain_data": source_identity(data) if data else None}


def _ppo(cfg: Config) -> dict[str, Any]:
    interventions = cfg.principles.interventions
    return _prompts(cfg, cfg.prompts.ppo) | {
        "ppo": semantic(cfg.ppo),
        "bank": load_bank(cfg.principles.rl).content(),
        "interventions": load_bank(interventions).content() if interventions else [],
    }


def _eval(cfg: Config) -> dict[str, Any]:
    data = {}
    if cfg.eval.data_dir and (folder := Path(cfg.eval.data_dir)).is_dir():
        data = {str(file.relative_to(folder)): sha256_of(file) for file in sorted(folder.rglob("*")) if file.is_file()}
    return {"eval": semantic(cfg.eval), "data": data}


def _prompts(cfg: Config, source: str) -> dict[str, Any]:
    limits = semantic(cfg.prompts)
    return {"prompts": source_identity(source), "limits": [limits["min_tokens"], limits["max_tokens"]]}


STAGES = {
    spec.name: spec
    for spec in (
        StageSpec("sft", 1, "salmon.stages.sft", (), _sft, {"sft": "policy"}),
        StageSpec("preferences", 1, "salmon.stages.preferences", ("sft",), _preferences),
        StageSpec("reward", 1, "salmon.stages.reward", ("preferences",), _reward),
        StageSpec("ppo", 1, "salmon.stages.ppo", ("sft", "reward"), _ppo,
                  {"ppo_best": "best/policy", "ppo_last": "last/policy"}),
        # ``eval`` imports ``salmon``, never the reverse: its code is found by its entry point.
        StageSpec("eval", 1, "entry-point:eval", ("checkpoint",), _eval),
    )
}  # fmt: skip
