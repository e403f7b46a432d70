"""``python -m sweeps.experiment_report FOLDER``: make the report of a multirun again, from what is in its folder."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from omegaconf import OmegaConf

from salmon.errors import SalmonError
from salmon.runtime.console import configure_console
from sweeps.collect import Job, read_plan, read_sweep
from sweeps.reports.ablations import ablations
from sweeps.reports.controllability import controllability
from sweeps.reports.document import Document
from sweeps.reports.reward_hacking import reward_hacking
from sweeps.settings import ReportSettings, read_settings

log = logging.getLogger("salmon")

REPORTS: dict[str, Callable[[Sequence[Job], ReportSettings], Document]] = {
    "controllability": controllability, "reward_hacking": reward_hacking, "ablations": ablations}  # fmt: skip


def write_report(folder: Path, settings: ReportSettings, show: bool) -> None:
    """Write report.md, report.json, report.png and report.svg into the sweep's folder.

    Args:
        show: send the table to the console as well.
    """
    assert settings.kind is not None
    document = REPORTS[settings.kind](read_sweep(folder), settings)
    path = document.write(folder)
    if show:
        log.info("\n%s\n\nreport: %s", document.summary, path)


def settings_of(folder: Path) -> ReportSettings:
    """The options of the callback with which the sweep ran.

    Raises:
        SalmonError: the folder is no multirun's, or the multirun asked for no report.
    """
    callback = OmegaConf.select(read_plan(folder), "hydra.callbacks.sweep") or {}
    settings = read_settings({key: value for key, value in callback.items() if key != "_target_"})
    if settings.kind is None:
        raise SalmonError(f"{folder / 'multirun.yaml'}: hydra.callbacks.sweep.kind is null, so nothing says "
                          "which report to make")
    return settings


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m sweeps.experiment_report", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the multirun (hydra.sweep.dir)")
    folder = parser.parse_args(arguments).folder
    configure_console()
    try:
        write_report(folder, settings_of(folder), show=True)
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


if __name__ == "__main__":
    main()
