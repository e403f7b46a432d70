"""Which cell is highest, and of which others the intervals allow to say so."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sweeps.cells import Cell
from sweeps.statistics import Estimate, apart

SHOWN = 3  # names in a list of cells
SAY_THE_REWARD = ("principles", "ppo.principles", "ppo.shaping", "ppo.reward_source")


def ranking(title: str, estimates: Mapping[str, Estimate]) -> str | None:
    """A sentence on the highest mean; None where fewer than two cells have the figure, or all the same."""
    best, answers = _against_highest(estimates)
    if not answers:
        return None
    parts = [
        f"{words} {_listed([name for name in answers if answers[name] is answer])}"
        for answer, words in (
            (True, "above, by more than both intervals,"),
            (False, "not told apart, since the intervals overlap, from"),
            (None, "not told apart, since one of the two has n = 1, from"),
        )
        if answer in answers.values()
    ]
    return f"{title}: {best} has the highest mean; {'; '.join(parts)}."


def nothing_told_apart(estimates: Mapping[str, Estimate]) -> bool:
    """Whether there is a highest mean, and every other interval overlaps with its."""
    _, answers = _against_highest(estimates)
    return bool(answers) and set(answers.values()) == {False}


def rewarded_alike(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Cells in groups within which rewards may be compared: the same principles and shaping, and a reward model shared.

    Cells without a finished job are in none.
    """
    groups: list[list[Cell]] = []
    for cell in (each for each in cells if each.finished):
        group = next((group for group in groups if _reward(group[0]) == _reward(cell) and _share(group[0], cell)), None)
        if group is None:
            groups.append([cell])
        else:
            group.append(cell)
    return groups


def _against_highest(estimates: Mapping[str, Estimate]) -> tuple[str, dict[str, bool | None]]:
    """The name of the highest mean, and whether it is above each other one; none where fewer than two differ."""
    known = {name: each for name, each in estimates.items() if each.mean is not None}
    if len({each.mean for each in known.values()}) < 2:
        return "", {}
    best = max(known, key=lambda name: known[name].mean or 0.0)
    return best, {name: apart(each, known[best]) for name, each in known.items() if name != best}


def _reward(cell: Cell) -> list[object]:
    job = next(job for job in cell.jobs if job.finished)
    return [job.value(key) for key in SAY_THE_REWARD]


def _share(first: Cell, second: Cell) -> bool:
    mine, theirs = _reward_models(first), _reward_models(second)
    return mine == theirs or not mine.isdisjoint(theirs)


def _reward_models(cell: Cell) -> set[Path]:
    return {job.artifacts["reward"] for job in cell.jobs if job.finished and "reward" in job.artifacts}


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more
