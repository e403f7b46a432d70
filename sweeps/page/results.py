"""The table of cells: means with intervals, and what each has beyond a baseline that the reader chooses."""

from collections.abc import Sequence

from sweeps.cells import Cell
from sweeps.differences import Pairing, difference
from sweeps.statistics import direction
from sweeps.tables import interval

MARKS = {"yes": "▲", "no": "▼", "unclear": "≈"}  # higher or lower beyond the interval, or not told apart


def differences(cells: Sequence[Cell], figures: Sequence[str]) -> list[list[list[str]]]:
    """``[baseline][cell][figure]`` in words; empty where one of the two has no such figure."""
    return [
        [[_words(cell, baseline, figure) for figure in figures] if cell is not baseline else [] for cell in cells]
        for baseline in cells
    ]


def _words(cell: Cell, baseline: Cell, figure: str) -> str:
    found = difference(cell, baseline, figure)
    match found.pairing:
        case Pairing.none:
            return ""
        case Pairing.same:
            return "the same run"
    more = ", unpaired" if found.pairing is Pairing.unpaired else ""
    return f"{MARKS[direction(found.estimate)]} {interval(found.estimate, 3, sign=True)}{more}"
