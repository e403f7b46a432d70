"""``python -m sweeps.report FOLDER``: make the report of a multirun again, from what is in its folder."""

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from salmon.errors import SalmonError
from salmon.runtime.console import configure_console, escape_unprintable, unread_is_no_error
from salmon.view.command import write_page
from sweeps.cells import cells_of
from sweeps.collect import read_sweep
from sweeps.page.study import STUDY
from sweeps.reports.kinds import REPORTS, settings_of
from sweeps.reports.study import study_files
from sweeps.settings import ReportSettings

log = logging.getLogger("salmon")


def write_report(folder: Path, settings: ReportSettings, last: bool) -> None:
    """Write the report into the sweep's folder.

    Args:
        last: no job is left to run; then with pictures and the page, which take seconds, and its table on the console.
    """
    jobs = read_sweep(folder)
    document = replace(REPORTS[settings.kind](jobs, settings), files=study_files(cells_of(jobs)))
    path = document.write(folder, pictures=last)
    if last:
        log.info("\n%s\n\nreport: %s", document.summary, path)
        log.info("page:   %s", write_page(folder, STUDY))


@unread_is_no_error()
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
