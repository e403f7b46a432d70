"""IFBench's prompts: rows ``{key, prompt, instruction_id_list, kwargs}`` of the hub, or of a local ``ifbench/``.

Every row is checked when it is read, since the package's checkers replace an argument that lacks by one drawn at
random: its verdicts would be about a constraint that the prompt does not name.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.hub_rows import hub_rows
from eval.ifbench.constraints import CheckerError, Constraint, argument_names, constraint_ids, lacking_data
from eval.results import NoData
from eval.user_files import texts
from salmon.data.checked import suggestion
from salmon.errors import SalmonError
from salmon.runtime.jsonl import Record, placed_records

HUB = ("allenai/IFBench_test", "train")
FILES = ("IFBench_test.jsonl", "IFBench_test.jsonl.gz")
NUMBERS = {
    "N",
    "small_n",
    "percentage",
    "min_words",
    "max_words",
    "n",
    "m",
    "n_start",
    "n_end",
}  # other arguments: text
_SAMPLE = "Every day brings one thing. Some days bring two things."  # any text will do


@dataclass(frozen=True)
class ConstrainedPrompt:
    """A prompt, and the constraints on its answer, which the prompt names in words."""

    key: str
    prompt: str
    constraints: tuple[Constraint, ...]


def ifbench_prompts(folder: Path | None) -> list[ConstrainedPrompt]:
    """The prompts of a local folder, or (None) of the hub.

    Raises:
        Unavailable: the data cannot be reached.
        SalmonError: a row is malformed, or the package that checks is not installed.
    """
    if folder is None:
        name, split = HUB
        return _prompts((f"{name}, row {n}", row) for n, row in enumerate(hub_rows(name, split), start=1))
    path = next((file for name in FILES if (file := folder / "ifbench" / name).is_file()), None)
    if path is None:
        raise NoData(f"no ifbench/{FILES[0]}[.gz] in {folder}")
    return read_prompts(path)


def read_prompts(path: Path) -> list[ConstrainedPrompt]:
    """The prompts of a JSONL file.

    Raises:
        SalmonError: the file cannot be read or is empty, or a row is malformed; it names the line.
    """
    found = _prompts(placed_records(path))
    if not found:
        raise SalmonError(f"{path} has no prompts")
    return found


def _prompts(rows: Iterable[tuple[str, Record]]) -> list[ConstrainedPrompt]:
    found: dict[str, ConstrainedPrompt] = {}
    known, unchecked = set(constraint_ids()), lacking_data().keys()
    for where, row in rows:
        key = row.get("key")
        if isinstance(key, bool) or not isinstance(key, str | int):
            raise SalmonError(f"{where}: key must be text or a whole number. Correct the line")
        if str(key) in found:
            raise SalmonError(f"{where}: key {key!r} stands more than once. Keys tell prompts apart")
        (prompt,) = texts(where, row, ("prompt",))
        constraints = tuple(_constraints(where, row, known))
        for constraint in constraints:
            if constraint.id not in unchecked:
                _require_checkable(where, constraint)
        found[str(key)] = ConstrainedPrompt(str(key), prompt, constraints)
    return list(found.values())


def _constraints(where: str, row: Record, known: set[str]) -> Iterator[Constraint]:
    """
    Raises:
        SalmonError: no list of known ids, or no arguments for each.
    """
    ids, arguments = row.get("instruction_id_list"), row.get("kwargs")
    if not isinstance(ids, list) or not ids or not all(isinstance(name, str) for name in ids):
        raise SalmonError(f"{where}: instruction_id_list must name at least one constraint. Correct the line")
    unknown = [name for name in ids if name not in known]
    if unknown:
        raise SalmonError(
            f'{where}: unknown instruction id "{unknown[0]}"{suggestion(unknown[0], known)}. Correct the line'
        )
    if not isinstance(arguments, list) or len(arguments) != len(ids) or not all(isinstance(a, dict) for a in arguments):
        raise SalmonError(
            f"{where}: kwargs must be a list of {len(ids)} objects, one for each instruction id. Correct the line"
        )
    for name, given in zip(ids, arguments, strict=True):
        yield Constraint(name, tuple(_arguments(f"{where}: kwargs of {name}", name, given)))


def _arguments(where: str, constraint: str, given: dict[str, Any]) -> Iterator[tuple[str, str | int | float]]:
    """The arguments that are there (null means none), whole numbers as such.

    Raises:
        SalmonError: one lacks, is too many, or no value of its kind.
    """
    needed, there = argument_names(constraint), {name: value for name, value in given.items() if value is not None}
    wrong = [f"{name} missing" for name in needed if name not in there]
    wrong += [f"unknown {name}" for name in there if name not in needed]
    if wrong:
        raise SalmonError(f"{where}: {', '.join(wrong)}; it takes {', '.join(needed) or 'none'}. Correct the line")
    for name in needed:
        value = there[name]
        if name not in NUMBERS:
            if not isinstance(value, str) or not value.strip():
                raise SalmonError(f"{where}: {name} must be text that is not blank, not {value!r}. Correct the line")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise SalmonError(f"{where}: {name} must be a number from 0 on, not {value!r}. Correct the line")
        elif value == int(value):
            value = int(value)
        yield name, value


def _require_checkable(where: str, constraint: Constraint) -> None:
    """
    Raises:
        SalmonError: the checker breaks with these arguments, on any text.
    """
    try:
        constraint.follows(_SAMPLE)
    except CheckerError as error:
        raise SalmonError(
            f"{where}: kwargs {dict(constraint.arguments)} cannot be checked ({error}). Correct the line"
        ) from error
