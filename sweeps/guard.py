"""Before the first job of a multirun: is the folder its own, and can every cell of the grid run at all?"""

from pathlib import Path

from filelock import FileLock, Timeout
from hydra import compose
from hydra.errors import HydraException
from omegaconf import DictConfig

from salmon.config.checks import to_typed
from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors
from sweeps.collect import planned_overrides, read_plan

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
            raise SalmonError(f"{folder}: another sweep runs in this folder; wait for it, or give this one its "
                              "own: hydra.sweep.dir=FOLDER") from None
    _held[folder] = lock
    if not (folder / "multirun.yaml").exists():
        return
    earlier, now = planned_overrides(read_plan(folder)), planned_overrides(config)
    if earlier and now and not set(map(frozenset, earlier)) & set(map(frozenset, now)):
        raise SalmonError(f"{folder} has another sweep (its first job: {' '.join(earlier[0])}); give this one its "
                          "own: hydra.sweep.dir=FOLDER")


def impossible_cells(config: DictConfig) -> dict[str, str]:
    """Cells of the grid whose config is refused, each told by what the other cells do not share, with the reason."""
    cells = planned_overrides(config)
    shared = set.intersection(*map(set, cells)) if len(cells) > 1 else set()
    problems = {}
    for cell in cells:
        try:
            to_typed(compose(config.hydra.job.config_name, [*cell]), Config)
        except (SalmonError, HydraException) as error:
            problems[" ".join(override for override in cell if override not in shared)] = str(error).strip()
    return problems
