"""When an evaluation is finished: nothing failed in it that may succeed when it is tried again."""

from collections.abc import Sequence
from pathlib import Path

from eval.results import Row
from salmon.errors import Unfinished


def require_finished(rows: Sequence[Row], work: Path) -> None:
    """
    Raises:
        Unfinished: calls failed, or a benchmark could not be done here and now.
    """
    lacking = dict.fromkeys(_line(row) for row in rows if row.lacking)
    if lacking:
        raise Unfinished(
            f"the evaluation is not finished. {'; '.join(lacking)}. What was measured is kept ({work / 'results.md'}). "
            "Repair the cause and run the same command again, which tries only what is lacking"
        )


def _line(row: Row) -> str:
    what = row.note if row.value is None else f"{row.value:.0f} calls failed (see the log)"
    return f"{row.checkpoint}, {row.task}: {what}"
