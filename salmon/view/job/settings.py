"""The settings of a job that differ from the defaults."""

import json
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.register import CONF, register
from salmon.config.walk import plain_settings
from salmon.errors import SalmonError
from salmon.view.job.record import JobRecord
from salmon.view.page import PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"
LOCAL = ("paths", "hydra")  # where things are on this machine
UNSET = "(not set)"


def setting_sections(job: JobRecord) -> Iterator[PageSection]:
    """Raises ``SalmonError`` where the defaults cannot be composed."""
    if not job.config:
        return
    rows = [[key, *values] for key, values in changed_settings(job.config, default_config()).items()]
    table = PageTable("Settings that differ from the defaults", ("setting", "here", "default"), rows)
    yield PageSection("Settings", fragment(TEMPLATES, "settings.html", table=table))


@cache
def default_config() -> Mapping[str, Any]:
    """What ``salmon`` runs with when nothing is asked for; interpolations resolved.

    Raises:
        SalmonError: this installation's ``conf/`` does not compose.
    """
    register()
    within_app = GlobalHydra.instance().is_initialized()  # at the end of a job: Hydra has this folder open already
    try:
        with nullcontext() if within_app else initialize_config_dir(CONF, version_base="1.3"):
            composed = OmegaConf.to_container(compose("config"), resolve=True, enum_to_str=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise SalmonError(f"the settings that differ from the defaults: {error}") from error
    assert isinstance(composed, dict)
    return {str(key): value for key, value in composed.items()}


def changed_settings(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Settings whose values differ, by their dotted names: the value here, and the default."""
    here, there = (
        plain_settings({name: value for name, value in tree.items() if name not in LOCAL})
        for tree in (config, defaults)
    )
    keys = [key for key in {**there, **here} if here.get(key, UNSET) != there.get(key, UNSET)]
    return {key: (_shown(here.get(key, UNSET)), _shown(there.get(key, UNSET))) for key in keys}


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
