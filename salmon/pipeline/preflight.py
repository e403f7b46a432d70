"""Before a job's first stage runs, everything that its stages will ask of the base is tried, and all that fails is told
together: what a later stage cannot do shows now and not after hours."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from salmon.config.schema import Config
from salmon.errors import check_all
from salmon.pipeline.registry import STAGES

if TYPE_CHECKING:
    from salmon.models.base import SharedModel


def preflight(cfg: Config, stages: Sequence[str], base: Callable[[], "SharedModel"]) -> None:
    """Try the base for some stages.

    Args:
        cfg: the job's config.
        stages: those that it will make.
        base: gives the job's base, free of adapters.

    Raises:
        SalmonError: the base cannot be loaded, or cannot do what is asked of it.
    """
    checks = dict.fromkeys(check for stage in stages for check in STAGES[stage].checks)  # stages may share some
    if not checks:
        return
    shared = base()
    check_all((partial(check, cfg, shared) for check in checks), "this job cannot run as it is")
