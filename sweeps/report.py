"""``python -m sweeps.report FOLDER``: make the report of a multirun again, from what is in its folder."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from salmon.errors import SalmonError
from salmon.runtime.console import configure_console, escape_unprintable
from sweeps.collect import SweepJob, read_plan, read_sweep
from sweeps.reports.ablations import ablations
from sweeps.reports.controllability import controllability
from sweeps.reports.document import Document
from sweeps.reports.reward_hacking import reward_hacking
from sweeps.reports.study import study
from sweeps.settings import ReportSettings, read_settings

log = logging.getLogger("salmon")

REPORTS: dict[str, Callable[[Sequence[SweepJob], ReportSettings], Document]] = {
    "study": study,
    "controllability": controllability,
    "reward_hacking": reward_hacking,
    "ablations": ablations,
}


def write_report(folder: Path, settings: ReportSettings, last: bool) -> None:
    """Write the report into the sweep's folder.

    Args:
        last: no job is left to run; then with pictures, which take seconds, and with its table on the console.
    """
    document = REPORTS[settings.kind](read_sweep(folder), settings)
    path = document.write(folder, pictures=last)
    if last:
        log.info("\n%s\n\nreport: %s", document.summary, path)


def settings_of(folder: Path) -> ReportSettings:
    """The options of the callback with which the sweep ran.

    Raises:
        SalmonError: the folder is no multirun's.
    """
    callback = OmegaConf.select(read_plan(folder), "hydra.callbacks.sweep") or {}
    return read_settings({key: value for key, value in callback.items() if key != "_target_"})


def main(arguments: Sequence[str] | None = None) -> None:
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m sweeps.report", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the multirun (hydra.sweep.dir)")
    folder = parser.parse_args(arguments).folder
    configure_console()
    try:
        write_report(folder, settings_of(folder), last=True)
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


if __name__ == "__main__":
    main()
