"""Files in a job's folder, read back: what Hydra wrote, and what the job did."""

import io
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from salmon.config.texts import shown
from salmon.errors import SalmonError
from salmon.runtime.foreign import read_text
from salmon.runtime.status import DAMAGED, read_state


def read_composed(path: Path, advice: str = DAMAGED) -> Any:
    """A config of Hydra's, or its list of overrides.

    Raises:
        SalmonError: the file cannot be read as one; ends in ``advice``.
    """
    try:
        return OmegaConf.load(io.StringIO(read_text(path)))
    except SalmonError as error:
        raise SalmonError(f"{error}. {advice}") from error
    except (yaml.YAMLError, OmegaConfBaseException, ValueError, OSError, RecursionError) as error:
        raise SalmonError(f"{path}: cannot be read ({shown(str(error), 200)}). {advice}") from error


def read_links(path: Path) -> dict[str, Path] | None:
    """The folders of a job's artifacts by label, from its artifacts.json; None where it is not there yet.

    Raises:
        SalmonError: it was damaged.
    """
    links = read_state(path)
    for label, entry in (links or {}).items():
        if not (isinstance(entry, dict) and type(entry.get("path")) is str):
            raise SalmonError(f"{path}: {shown(label)} has no path. {DAMAGED}")
    return links and {label: Path(entry["path"]) for label, entry in links.items()}
