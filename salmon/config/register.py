"""Hydra's view of the repository: schemas in the ConfigStore, and where ``conf/`` and ``sweeps/`` are."""

import os
from pathlib import Path

from hydra.core.config_store import ConfigStore

from salmon.config.schema import Config, EvalApp

ROOT = Path(__file__).resolve().parents[2]
CONF = str(ROOT / "conf")


def register() -> None:
    """Make the schemas known to Hydra; call before any composition."""
    os.environ.setdefault("SALMON_ROOT", str(ROOT))
    store = ConfigStore.instance()
    store.store(name="schema", node=Config)
    store.store(name="eval_schema", node=EvalApp)
