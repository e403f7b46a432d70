"""Sets of principles, from bundled YAML, from a user's YAML or from the original project's JSON.

YAML: ``{description, principles: [{name, definition, negative_definition?, weight?, paraphrases?,
negative_paraphrases?, check?, opposite?}]}``.
The original project's files are lists: ``[{dimension, definition, negative_definition?, weight?}]``; the other keys
may be added to them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import AfterValidator, Field

from salmon.data.checked import Checked, Number, Problems, Text, read_as, suggestion
from salmon.principles.files import locate, read_document, refuse, unknown_entry_keys
from salmon.principles.verifiers import check_problem

BANKS = Path(__file__).parent / "banks"
MAX_WEIGHT = 1e6  # so that no sum of weights is infinite
# Fields of a principle that are not in content() while they are unset.
LATER_FIELDS = ("paraphrases", "negative_paraphrases", "check", "opposite")


@dataclass(frozen=True)
class Principle:
    name: str
    definition: str  # what a response that follows it does
    negative_definition: str | None = None  # what a response that goes against it does; None: never negated
    weight: float = 1.0  # relative chance of being drawn
    paraphrases: tuple[str, ...] = ()  # the definition in other words
    negative_paraphrases: tuple[str, ...] = ()  # the negative definition in other words
    check: str | None = None  # how salmon.principles.verifiers tells whether a response follows it
    opposite: str | None = None  # the principle of the same bank that asks for the contrary

    def in_first_wordings(self, number: int | None) -> "Principle":
        """The same principle in its first ``number`` wordings, of which its definition is one; None: all."""
        if number is None:
            return self
        return replace(
            self,
            paraphrases=self.paraphrases[: number - 1],
            negative_paraphrases=self.negative_paraphrases[: number - 1],
        )


def _without_slash(name: str) -> str:
    if "/" in name:
        raise ValueError('a name must not contain "/" (it separates the parts of metric names)')
    return name


def _known_check(check: str) -> str:
    problem = check_problem(check)
    if problem:
        raise ValueError(problem)
    return check


Folded = Annotated[Text, AfterValidator(lambda text: " ".join(text.split()))]  # line breaks become spaces
Name = Annotated[Folded, AfterValidator(_without_slash)]


@dataclass(frozen=True, kw_only=True)
class Entry(Checked):
    """A principle as a YAML bank has it."""

    name: Name
    definition: Folded
    negative_definition: Folded | None = None
    weight: Annotated[Number, Field(gt=0, le=MAX_WEIGHT)] = 1.0
    paraphrases: tuple[Folded, ...] | None = None
    negative_paraphrases: tuple[Folded, ...] | None = None
    check: Annotated[Folded, AfterValidator(_known_check)] | None = None
    opposite: Folded | None = None


@dataclass(frozen=True, kw_only=True)
class OriginalEntry(Entry):
    """A principle as the original project's JSON has it."""

    name: Annotated[Name, Field(validation_alias="dimension")]


NAME_KEYS = {Entry: "name", OriginalEntry: "dimension"}


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
        """Everything that can change a result, as plain JSON, for fingerprints.

        Fields that came later are left out where they are not set: older banks keep their content.
        """
        return [_plain(principle) for principle in self.principles]


def save_bank(bank: Bank, file: Path) -> None:
    """Write a bank as a YAML file that ``load_bank`` reads; an opposite that the bank lacks is forgotten."""
    kept = [p if p.opposite in bank.names else replace(p, opposite=None) for p in bank.principles]
    entries = [{key: value for key, value in _plain(p).items() if value is not None} for p in kept]
    text = yaml.safe_dump({"principles": entries}, sort_keys=False, allow_unicode=True, width=100)
    file.write_text(text, encoding="utf-8")


def _plain(principle: Principle) -> dict[str, Any]:
    fields = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(principle).items()}
    return {key: value for key, value in fields.items() if value or key not in LATER_FIELDS}


def load_bank(spec: str, exclude: Sequence[str] = (), include: Sequence[str] = ()) -> Bank:
    """Read and check a bank; its order stays.

    Args:
        spec: a bundled name or a path to a ``.yaml``, ``.yml`` or ``.json`` file.
        exclude: names of principles that are left out. An opposite that is left out is forgotten.
        include: names of the only principles that are kept; none = all.

    Raises:
        SalmonError: no such bank, an invalid file, or names that do not fit it; all problems in one message.
    """
    path = locate(spec, BANKS, "principles")
    document = read_document(path)
    problems: list[str] = []
    entries, entry_type = _entries(document, problems)
    principles = [_principle(entry, number, entry_type, problems) for number, entry in enumerate(entries, 1)]
    named = [principle for principle in principles if principle is not None]
    problems += _duplicates(entries, NAME_KEYS[entry_type])
    whole = Bank(path.stem, tuple(named))
    if not problems:
        problems += [] if named else ["it has no principles"]
        problems += _opposites(whole)
        problems += [f"the excluded principle {name} is not in it" for name in whole.missing(exclude)]
        problems += [f"the included principle {name} is not in it" for name in whole.missing(include)]
        problems += [f'"{name}" is both included and excluded' for name in include if name in exclude]
    kept = [p for p in named if p.name not in exclude and (not include or p.name in include)]
    if not problems and not kept:
        problems.append("every principle is excluded")
    refuse(path, problems)
    names = {p.name for p in kept}
    return Bank(path.stem, tuple(p if p.opposite in names else replace(p, opposite=None) for p in kept))


def _entries(document: Any, problems: list[str]) -> tuple[list, type[Entry]]:
    """The list of entries and their format."""
    if isinstance(document, list):
        return document, OriginalEntry
    if not isinstance(document, dict) or not isinstance(document.get("principles"), list | None):
        problems.append('it must have a list "principles" (or be a list, the original project\'s format)')
        return [], Entry
    problems += unknown_entry_keys(document, ("description", "principles"), "top level")
    return document.get("principles") or [], Entry


def _principle(value: Any, number: int, entry_type: type["Entry"], problems: list[str]) -> Principle | None:
    """One principle; ``None`` if something is wrong with it, with the reasons in ``problems``."""
    where = f"principle {number}"
    name_key = NAME_KEYS[entry_type]
    if not isinstance(value, dict):
        problems.append(f'{where}: must have the keys "{name_key}" and "definition"')
        return None
    if isinstance(value.get(name_key), str):
        where += f" ({value[name_key].strip()})"
    before = len(problems)
    try:
        entry = read_as(entry_type, value, first=1)
    except Problems as found:
        problems += [f"{where}: {text}" for text in found.texts]
    if value.get("negative_definition") is None and value.get("negative_paraphrases"):
        problems.append(f'{where}: "negative_paraphrases" need a "negative_definition"')
    if len(problems) > before:
        return None
    return Principle(
        entry.name,
        entry.definition,
        entry.negative_definition,
        entry.weight,
        entry.paraphrases or (),
        entry.negative_paraphrases or (),
        entry.check,
        entry.opposite,
    )


def _opposites(bank: Bank) -> list[str]:
    """A problem for each opposite that the bank lacks or that does not name this one as its own opposite."""
    opposite_of = {principle.name: principle.opposite for principle in bank.principles}
    problems = []
    for name, opposite in opposite_of.items():
        if opposite is None:
            continue
        if opposite not in opposite_of:
            problems.append(f'the opposite of "{name}" is not in it: {bank.missing([opposite])[0]}')
        elif opposite == name:
            problems.append(f'"{name}" is its own opposite')
        elif opposite_of[opposite] != name:
            problems.append(f'"{opposite}" is the opposite of "{name}" and must name it as its own opposite')
    return problems


def _duplicates(entries: Sequence[Any], name_key: str) -> list[str]:
    """A problem for each name that several entries have, upper and lower case being the same."""
    names = [entry.get(name_key) for entry in entries if isinstance(entry, dict)]
    counts = Counter(" ".join(name.split()).casefold() for name in names if isinstance(name, str))
    return [f'the name "{name}" occurs {n} times' for name, n in counts.items() if name and n > 1]
