"""Files in a job's folder, read back: what Hydra wrote, and what the job did."""

import io
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.texts import path_problem, shown
from salmon.errors import SalmonError
from salmon.runtime.foreign import read_text, read_yaml
from salmon.runtime.status import DAMAGED, read_state


def read_composed(path: Path, advice: str = DAMAGED) -> Any:
    """A config of Hydra's, or its list of overrides.

    Raises:
        SalmonError: the file cannot be read as one; ends in ``advice``.
    """
    read_yaml(path, None, advice)  # the door first: OmegaConf's reader takes minutes over what is nested without end
    try:
        return OmegaConf.load(io.StringIO(read_text(path)))
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, OSError, RecursionError) as error:
        raise SalmonError(f"{path}: cannot be read ({shown(str(error), 200)}). {advice}") from error


def read_links(path: Path) -> dict[str, Path] | None:
    """The folders of a job's artifacts by label, from its artifacts.json; None where it is not there yet.

    Raises:
        SalmonError: it was damaged.
    """
    links = read_state(path)
    for label, entry in (links or {}).items():
        folder = entry.get("path") if isinstance(entry, dict) else None
        if type(folder) is not str or path_problem(folder):
            raise SalmonError(f"{path}: {shown(label)} has no path of a folder. {DAMAGED}")
    return links and {label: Path(entry["path"]) for label, entry in links.items()}
