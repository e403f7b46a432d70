"""Before the first job of a multirun: is the folder its own, and can every cell of the grid run at all?"""

import json
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig

from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors
from salmon.runtime.fingerprint import recorded
from sweeps.collect import planned_overrides, read_plan
from sweeps.seeds import sweeps_a_seed

_NO_MATTER = ("name", "launch", "paths", "tracking")  # to what a job makes
_held: dict[Path, FileLock] = {}  # until the process ends


def claim(folder: Path, config: DictConfig) -> None:
    """Keep ``folder`` for this sweep while its process lives.

    Raises:
        SalmonError: a sweep runs in it, or the sweep that ran in it shares no job with this one.
    """
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise SalmonError(
                f"{folder}: another sweep runs in this folder; wait for it, or give this one its "
                "own: hydra.sweep.dir=FOLDER"
            ) from None
    _held[folder] = lock
    if not (folder / "multirun.yaml").exists():
        return
    earlier, now = planned_overrides(read_plan(folder)), planned_overrides(config)
    if earlier and now and not set(map(frozenset, earlier)) & set(map(frozenset, now)):
        raise SalmonError(
            f"{folder} has another sweep (its first job: {' '.join(earlier[0])}); give this one its "
            "own: hydra.sweep.dir=FOLDER"
        )


@dataclass(frozen=True)
class Grid:
    """What is wrong with the cells of a grid, each told by the overrides that the others do not share."""

    impossible: dict[str, str]  # cell -> why its config is refused
    equal: list[list[str]]  # cells with the same stages and settings: an axis changes nothing
    seeded: bool  # whether a seed is swept, or there is one cell only


def check_grid(config: DictConfig) -> Grid:
    """Compose every cell."""
    cells = planned_overrides(config)
    shared = set.intersection(*map(set, cells)) if len(cells) > 1 else set()
    impossible: dict[str, str] = {}
    by_config: dict[str, list[str]] = {}
    for cell in cells:
        name = " ".join(override for override in cell if override not in shared)
        try:
            cfg = to_typed(compose(config.hydra.job.config_name, [*cell]), Config)
        except (SalmonError, HydraException) as error:
            impossible[name] = str(error).strip()
        else:
            settings = {key: value for key, value in recorded(cfg).items() if key not in _NO_MATTER}
            by_config.setdefault(json.dumps(settings, sort_keys=True), []).append(name)
    seeded = len(cells) < 2 or sweeps_a_seed(cells)
    return Grid(impossible, [names for names in by_config.values() if len(names) > 1], seeded)
