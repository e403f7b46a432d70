"""``python -m eval.tables RESULTS_FOLDER... [--format markdown|latex|csv]``: the paper's tables beside our figures.

A folder is the output of ``python -m eval`` or ``python -m eval score``, an eval artifact, a job, or a study, whose
figures are means over the seeds of each cell. A cell that was not run is empty.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from eval.tables.lines import compare_with_published
from eval.tables.measured import read_results
from eval.tables.published import load_published
from eval.tables.render import FORMATS
from eval.tables.study import is_study, study_figures
from salmon.errors import SalmonError
from salmon.runtime.console import escape_unprintable, unread_is_no_error


@unread_is_no_error()
def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables; exit status 1 and one message where a folder cannot be read."""
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m eval.tables", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*", metavar="RESULTS_FOLDER", help="none: published values only")
    parser.add_argument("--format", choices=FORMATS, default="markdown")
    parser.add_argument(
        "--as",
        dest="chosen",
        action="append",
        default=[],
        metavar="CHECKPOINT=MODEL",
        help="the published model that a checkpoint is set beside",
    )
    options = parser.parse_args(arguments)
    try:
        chosen = dict(_pair(word) for word in options.chosen)
        studies = [study_figures(folder) for folder in options.folders if is_study(folder)]
        measured = read_results([folder for folder in options.folders if not is_study(folder)])
        measured += [row for study in studies for row in study.rows]
        notes = [note for study in studies for note in study.notes]
        comparison = compare_with_published(load_published(), measured, chosen, notes)
        print(FORMATS[options.format](comparison), end="")
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


def _pair(word: str) -> tuple[str, str]:
    checkpoint, equals, model = word.partition("=")
    if not equals:
        raise SalmonError(f"--as {word}: give CHECKPOINT=MODEL")
    return checkpoint, model


if __name__ == "__main__":
    main()
