"""What training did to a policy, for the terminal: the checks of its principles, and answers before and after."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from salmon.config.texts import shown
from salmon.pipeline.pipeline import Execution
from salmon.runtime.jsonl import Record, read_records
from salmon.tracking.metrics_file import TABLES
from salmon.view.job.reached import CHECK, GAIN, moved_checks

TABLE = "responses_"  # the name of a table of responses, before its step
SAMPLES = 3
WIDTH = 100  # characters of a text, in the middle of which the rest is left out


def effect_lines(executions: Iterable[Execution]) -> list[str]:
    """A block for each trained policy whose principles have checks: what they say, and samples.

    Raises:
        SalmonError: a table of responses is damaged.
    """
    return [
        "\n".join([*said, *_moved(execution.artifact.metrics), *_samples(before, after)])
        for execution in executions
        if (found := _first_and_last(execution.artifact.path)) is not None
        for before, after in [found]
        if (said := list(_checks(_principles(before), execution.artifact.metrics)))
    ]


def _checks(principles: Iterable[str], metrics: Mapping[str, float | None]) -> Iterator[str]:
    for name in principles:
        of_check = f"{CHECK}{name}"
        values = [metrics.get(of_check + end) for end in ("_start", "_last", GAIN, f"{GAIN}_low", f"{GAIN}_high")]
        start, last, gain, low, high = values
        if start is None or last is None or gain is None or low is None or high is None:
            continue
        verdict = "may be chance" if low <= 0 <= high else "more than chance"
        yield (
            f"{name}, by its own check, on held-out prompts: {start:.2f} before, {last:.2f} after; "
            f"{gain:+.2f} [{low:+.2f}, {high:+.2f}] (95 %): {verdict}"
        )


def _moved(metrics: Mapping[str, float | None]) -> Iterator[str]:
    if moved := list(moved_checks(metrics)):
        yield f"  more than chance: {'; '.join(moved)}"


def _samples(before: Sequence[Record], after: Sequence[Record]) -> Iterator[str]:
    answers = {row.get("prompt"): row.get("response") for row in after}
    for row in [row for row in before if row.get("prompt") in answers][:SAMPLES]:
        yield f"  {_line(row.get('prompt'))}"
        yield f"    before: {_line(row.get('response'))}"
        yield f"    after:  {_line(answers[row.get('prompt')])}"


def _line(text: object) -> str:
    return shown(" ".join(str(text).split()), WIDTH)


def _principles(rows: Iterable[Record]) -> list[str]:
    """Names of the principles that the responses were scored under."""
    return list(dict.fromkeys(name for row in rows for name in str(row.get("principles") or "").split(", ") if name))


def _first_and_last(folder: Path) -> tuple[list[Record], list[Record]] | None:
    """The held-out responses before training and at its end; None where a stage keeps no such tables."""
    tables = {path.stem.removeprefix(TABLE): path for path in (folder / TABLES).glob(f"{TABLE}*.jsonl")}
    steps = sorted(int(step) for step in tables if step.isdecimal())
    if len(steps) < 2 or steps[0]:
        return None
    return read_records(tables["0"]), read_records(tables[str(steps[-1])])
