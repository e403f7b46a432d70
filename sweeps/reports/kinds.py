"""The kinds of reports, and which of them a sweep asked for."""

from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from sweeps.collect import SweepJob, read_plan
from sweeps.reports.ablations import ablations
from sweeps.reports.controllability import controllability
from sweeps.reports.document import Document
from sweeps.reports.reward_hacking import reward_hacking
from sweeps.reports.study import study
from sweeps.settings import ReportSettings, read_settings

REPORTS: dict[str, Callable[[Sequence[SweepJob], ReportSettings], Document]] = {
    "study": study,
    "controllability": controllability,
    "reward_hacking": reward_hacking,
    "ablations": ablations,
}


def settings_of(folder: Path) -> ReportSettings:
    """The options of the callback with which the sweep ran.

    Raises:
        SalmonError: the folder is no multirun's.
    """
    callback = OmegaConf.select(read_plan(folder), "hydra.callbacks.sweep") or {}
    return read_settings({key: value for key, value in callback.items() if key != "_target_"})
