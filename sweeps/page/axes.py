"""Where the values of a swept setting stand on an axis of a chart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from salmon.plan.published import KNOWN
from salmon.plan.shapes import from_config
from sweeps.cells import Cell

MODEL = "model"
LOG_FROM = 20.0  # ratio of the highest to the lowest value from which an axis is logarithmic


@dataclass(frozen=True)
class SweptAxis:
    """Values in the order of the axis, each with its place and its label."""

    key: str
    title: str
    values: tuple[str, ...]
    places: tuple[float, ...]
    labels: tuple[str, ...]
    log: bool
    ordinal: bool = False  # places are 0, 1, 2, ...: the values have no size

    @property
    def data(self) -> dict[str, Any]:
        """For the page's script."""
        return asdict(self)


def swept_axes(cells: Sequence[Cell]) -> list[SweptAxis]:
    """One for each swept setting: numbers by their size, models by their parameters, others in the sweep's order."""
    return [_axis(key, cells) for key in (cells[0].axes if cells else ())]


def _axis(key: str, cells: Sequence[Cell]) -> SweptAxis:
    values = list(dict.fromkeys(cell.axes[key] for cell in cells))
    sizes = [_parameters(value, cells) for value in values] if key == MODEL else [_number(value) for value in values]
    known = [size for size in sizes if size is not None]
    if len(known) < len(values):
        return SweptAxis(key, key, tuple(values), tuple(map(float, range(len(values)))), tuple(values), False, True)
    ordered = sorted(zip(known, values, strict=True))
    places, values = [place for place, _ in ordered], [value for _, value in ordered]
    log = places[0] > 0 and places[-1] / places[0] >= LOG_FROM
    if key != MODEL:
        return SweptAxis(key, key, tuple(values), tuple(places), tuple(values), log)
    labels = tuple(f"{value} ({_short(place)})" for place, value in ordered)
    return SweptAxis(key, "model, by its parameters", tuple(values), tuple(places), labels, log)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _parameters(value: str, cells: Sequence[Cell]) -> float | None:
    """Of the base that the cells with this choice of ``model`` have, where its shape is known without looking far."""
    paths = {job.value("model.path") for cell in cells if cell.axes[MODEL] == value for job in cell.jobs} - {None}
    path = paths.pop() if len(paths) == 1 else None
    return float(from_config(KNOWN[path], path).parameters) if path in KNOWN else None


def _short(count: float) -> str:
    """``135M``, ``6.7B``."""
    for unit, size in (("B", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"
