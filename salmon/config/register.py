"""Hydra's view of the project: schemas in the ConfigStore, and where ``conf/`` and ``sweeps/`` are."""

import os
import re
from pathlib import Path

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from salmon.config.extensions import extensions
from salmon.config.schema import Config
from salmon.config.slug import slug, text_digest

ROOT = Path(__file__).resolve().parents[2]  # a checkout, or the site-packages that a wheel was installed into
_INSTALLED = ROOT / "salmon" / "conf"
CONF = str(_INSTALLED if _INSTALLED.is_dir() else ROOT / "conf")

_MAX_SLUG = 100
_UNSAID = re.compile(r"(\+experiment|\+sweeps|paths\.|tracking)")  # overrides that seldom tell jobs apart


def job_slug(overrides: str) -> str:
    """The folder of a multirun's job, named by its overrides (separated by commas): the same job has the same folder in
    any grid. What is left out or changed for the sake of reading is in the hash at the end.
    """
    said = ",".join(part for part in overrides.split(",") if not _UNSAID.match(part))
    name = slug(said)[:_MAX_SLUG]
    return name if name and name == overrides else f"{name}-{text_digest(overrides)}"


def register() -> None:
    """Make the schemas and resolvers known to Hydra; call before any composition."""
    OmegaConf.register_new_resolver("job_slug", job_slug, replace=True)
    OmegaConf.register_new_resolver("file_name", lambda text: slug(str(text))[:_MAX_SLUG], replace=True)
    os.environ.setdefault("SALMON_ROOT", str(ROOT))
    store = ConfigStore.instance()
    store.store(name="schema", node=root_schema())


def root_schema() -> DictConfig:
    """The schema of ``salmon``'s config, with the groups that extensions bring."""
    schema = OmegaConf.structured(Config)
    for name, extension in extensions().items():
        schema[name] = OmegaConf.structured(extension.schema)
    return schema
