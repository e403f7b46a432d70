"""``python -m eval.curves RESULTS_FOLDER... [--output FOLDER]``: benchmark figures over the updates of a training run.

Writes ``learning_curves.csv``, ``.png`` and ``.svg``. A folder is the output of ``python -m eval`` (which draws its own
curves too), an eval artifact, a job, or a multirun: so the policies of a run, and what they are compared with, may have
been evaluated one by one.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from eval.curves.files import draw_learning_curves
from eval.tables.measured import read_results
from salmon.errors import SalmonError
from salmon.runtime.console import escape_unprintable, unread_is_no_error
from salmon.runtime.files import storage_errors


@unread_is_no_error()
def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the curves; exit status 1 and one message where there is nothing to draw."""
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m eval.curves", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="RESULTS_FOLDER")
    parser.add_argument("--output", type=Path, default=Path(), metavar="FOLDER", help="default: the current folder")
    options = parser.parse_args(arguments)
    try:
        rows = [replace(one.row, checkpoint=one.label) for one in read_results(options.folders)]
        with storage_errors(options.output):
            options.output.mkdir(parents=True, exist_ok=True)
        picture = draw_learning_curves(options.output, rows)
        if picture is None:
            raise SalmonError(
                "no training run with figures at two steps in these results; train with ppo.keep_every=N, then "
                "evaluate the whole artifact: python -m eval checkpoint=STORE/ppo/FINGERPRINT"
            )
    except SalmonError as error:
        sys.exit(f"salmon: {error}")
    print(picture)


if __name__ == "__main__":
    main()
