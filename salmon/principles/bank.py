"""Sets of principles, from bundled YAML, from a user's YAML or from the original project's JSON.

YAML: ``{description, principles: [{name, definition, negative_definition?, weight?}]}``.
The original project's files are lists: ``[{dimension, definition, negative_definition?, weight?}]``.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from salmon.principles.files import locate, read_document, refuse, suggestion, unknown_keys

BANKS = Path(__file__).parent / "banks"


@dataclass(frozen=True)
class Principle:
    name: str
    definition: str  # what a response that follows it does
    negative_definition: str | None = None  # what a response that goes against it does; None: never negated
    weight: float = 1.0  # relative chance of being drawn


@dataclass(frozen=True)
class Bank:
    name: str
    principles: tuple[Principle, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(principle.name for principle in self.principles)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those of ``names`` that this bank does not have, each with the closest name it does have."""
        return [f'"{name}"{suggestion(name, self.names)}' for name in names if name not in self.names]

    def content(self) -> list[dict[str, Any]]:
        """Everything that can change a result, as plain JSON, for fingerprints."""
        return [asdict(principle) for principle in self.principles]


def load_bank(spec: str, exclude: Sequence[str] = ()) -> Bank:
    """Read and check a bank.

    Args:
        spec: a bundled name or a path to a ``.yaml``, ``.yml`` or ``.json`` file.
        exclude: names of principles that are left out.

    Raises:
        SalmonError: no such bank, or an invalid file; all of its problems in one message.
    """
    path = locate(spec, BANKS, "principles")
    document = read_document(path)
    problems: list[str] = []
    entries, name_key = _entries(document, problems)
    principles = [_principle(entry, number, name_key, problems) for number, entry in enumerate(entries, 1)]
    named = [principle for principle in principles if principle is not None]
    problems += _duplicates(entries, name_key)
    whole = Bank(path.stem, tuple(named))
    if not problems:
        problems += [f"the excluded principle {name} is not in it" for name in whole.missing(exclude)]
    kept = tuple(principle for principle in named if principle.name not in exclude)
    if not problems and not kept:
        problems.append("every principle is excluded" if named else "it has no principles")
    refuse(path, problems)
    return Bank(path.stem, kept)


def _entries(document: Any, problems: list[str]) -> tuple[list, str]:
    """The list of entries and the key under which each has its name."""
    if isinstance(document, list):
        return document, "dimension"
    if not isinstance(document, dict) or not isinstance(document.get("principles"), list | None):
        problems.append('it must have a list "principles" (or be a list, the original project\'s format)')
        return [], "name"
    problems += unknown_keys(document, ("description", "principles"), "top level")
    return document.get("principles") or [], "name"


def _principle(entry: Any, number: int, name_key: str, problems: list[str]) -> Principle | None:
    """One principle; ``None`` if it is too broken to have one, with the reasons in ``problems``."""
    where = f"principle {number}"
    if not isinstance(entry, dict):
        problems.append(f'{where}: must have the keys "{name_key}" and "definition"')
        return None
    if isinstance(entry.get(name_key), str):
        where += f" ({entry[name_key].strip()})"
    before = len(problems)
    problems += unknown_keys(entry, (name_key, "definition", "negative_definition", "weight"), where)
    name = _text(entry, name_key, where, problems)
    definition = _text(entry, "definition", where, problems)
    negated = entry.get("negative_definition") is not None
    negative = _text(entry, "negative_definition", where, problems) if negated else None
    if "/" in name:
        problems.append(f'{where}: a name must not contain "/" (it separates the parts of metric names)')
    weight = entry.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        problems.append(f'{where}: "weight" must be a number above 0, not {weight!r}')
    return Principle(name, definition, negative, float(weight)) if len(problems) == before else None


def _text(entry: dict, key: str, where: str, problems: list[str]) -> str:
    """A required text, with line breaks folded into spaces."""
    value = entry.get(key)
    if value is None or isinstance(value, str) and not value.strip():
        problems.append(f'{where}: "{key}" is {"missing" if value is None else "empty"}')
        return ""
    if not isinstance(value, str):
        problems.append(f'{where}: "{key}" must be text, not {value!r} (put it in quotes)')
        return ""
    return " ".join(value.split())


def _duplicates(entries: Sequence[Any], name_key: str) -> list[str]:
    """A problem for each name that several entries have, upper and lower case being the same."""
    names = [entry.get(name_key) for entry in entries if isinstance(entry, dict)]
    counts = Counter(" ".join(name.split()).casefold() for name in names if isinstance(name, str))
    return [f'the name "{name}" occurs {n} times' for name, n in counts.items() if name and n > 1]
