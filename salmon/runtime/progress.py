"""One line a step on the terminal: where the stage is, what a step costs, when it ends."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


def format_duration(seconds: float) -> str:
    """``9s``, ``2m 05s``, ``1h 03m``, ``2d 04h``: two units at most, rounded to the smaller one."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02d}s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60}h {minutes % 60:02d}m"
    hours = round(seconds / 3600)
    return f"{hours // 24}d {hours % 24:02d}h"


@dataclass(frozen=True)
class Step:
    """Where a stage is; travels with each line as ``record.step`` of the log record."""

    unit: str  # what steps are called, in the plural
    done: int
    total: int
    seconds_left: float
    columns: Mapping[str, float]


class Progress:
    """Logs lines like ``updates  12/100 | kl    0.0312 | 4.1 s each | 49s so far, 6m 01s left``.

    Args:
        total: number of the last step.
        unit: what steps are called, in the plural.
        log: where the lines go; default the logger "salmon".
        start: steps that were done before, in a resumed stage; they count neither in the cost nor in the elapsed time.
        clock: seconds, for tests.

    Every line has the columns of the first: a value missing later shows as "-", a new one is not shown.
    The cost of a step leaves out the first call, which loads and compiles, once there is a second.
    """

    def __init__(
        self,
        total: int,
        unit: str,
        log: logging.Logger | None = None,
        *,
        start: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = total
        self.unit = unit
        self._log = log if log is not None else logging.getLogger("salmon")
        self._columns: tuple[str, ...] | None = None
        self._clock = clock
        self._began = clock()
        self._start = self._done = start
        self._first: tuple[int, float] | None = None  # steps done, and time, after the first call

    def advance(self, steps: int = 1, **columns: float) -> None:
        """Count ``steps`` more (1 or more) as done, and log the line."""
        now = self._clock()
        self._done += steps
        steps_before, time_before = self._first or (self._start, self._began)
        seconds = (now - time_before) / (self._done - steps_before)
        self._first = self._first or (self._done, now)
        if self._columns is None:
            self._columns = tuple(columns)
        width = len(str(self.total))
        cells = [f"{self.unit} {self._done:>{width}}/{self.total}"]
        cells += [f"{name} {_cell(columns.get(name))}" for name in self._columns]
        cells.append(f"{seconds:.3g} s each")
        left = seconds * (self.total - self._done)
        cells.append(f"{format_duration(now - self._began)} so far, {format_duration(left)} left")
        step = Step(self.unit, self._done, self.total, left, columns)
        self._log.info(" | ".join(cells), extra={"step": step})


def _cell(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.4g'):>9}"
