"""The SFT stage held back: a job that comes to it waits, as it would for another process that makes the policy."""

from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.pipeline.pipeline import STAGES, Pipeline
from salmon.sampling.sampler import transformers_sampler


def config(store: Path, *overrides: str) -> tuple[Config, dict[str, Any]]:
    """The tiny model's config, typed and as plain containers."""
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose(
            "config", ["+experiment=self_judged", "model=tiny", "tracking=disabled", f"paths.store={store}", *overrides]
        )
    resolved = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    assert isinstance(resolved, dict)
    return to_typed(composed, Config), {str(key): value for key, value in resolved.items()}


def sft_lock(store: Path) -> FileLock:
    """The lock that a job takes to make the SFT policy of ``config(store)``."""
    cfg, resolved = config(store, "stages=[sft]")
    key = Pipeline(cfg, resolved, lambda: pytest.fail("no model is needed"), transformers_sampler)._fingerprint(
        STAGES["sft"], {}
    )
    (store / "sft").mkdir(parents=True, exist_ok=True)
    return FileLock(store / "sft" / f"{key}.lock")
