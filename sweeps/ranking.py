"""Which cell is highest, and of which others the intervals allow to say so."""

from collections.abc import Mapping, Sequence

from sweeps.statistics import Estimate, apart

SHOWN = 3  # names in a list of cells


def ranking(title: str, estimates: Mapping[str, Estimate]) -> str | None:
    """A sentence on the highest mean; None where fewer than two cells have the figure, or all the same."""
    known = {name: each for name, each in estimates.items() if each.mean is not None}
    if len({each.mean for each in known.values()}) < 2:
        return None
    best = max(known, key=lambda name: known[name].mean or 0.0)
    answers = {name: apart(each, known[best]) for name, each in known.items() if name != best}
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


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more
