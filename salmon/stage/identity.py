"""What fingerprints of several stages cover in the same way."""

from typing import Any

from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.data.sources import source_identity
from salmon.runtime.adapter_files import adapter_identity
from salmon.runtime.fingerprint import semantic


def start_identity(folder: str | None) -> dict[str, Any]:
    """The adapter that training goes on from, by its content."""
    return {"start": adapter_identity(folder)} if folder is not None else {}


def rollout_identity(cfg: Config) -> dict[str, Any]:
    """What draws the responses, where it is not what draws them by default (older artifacts do not say it)."""
    return {} if cfg.rollout.backend is RolloutBackend.hf else {"rollout": semantic(cfg.rollout)}


def prompts_identity(cfg: Config, source: str) -> dict[str, Any]:
    """The prompts of a source, by content, which of them are usable, and which are held out."""
    limits = semantic(cfg.prompts)
    used = {"prompts": source_identity(source), "limits": [limits["min_tokens"], limits["max_tokens"]]}
    return used | split_identity(cfg)


def split_identity(cfg: Config) -> dict[str, Any]:
    """What decides which prompts are held out (``salmon/data/split.py``), besides their texts."""
    return {"held_out_share": cfg.prompts.held_out}
