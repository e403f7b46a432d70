"""Sets of principles, from bundled YAML, from a user's YAML or from the original project's JSON.

YAML: ``{description, principles: [{name, definition, negative_definition?, weight?, paraphrases?,
negative_paraphrases?, topics?, check?, opposite?}], frames?}``.
Further wordings are made of frames and topics: see ``salmon/principles/frames.py``.
The original project's files are lists: ``[{dimension, definition, negative_definition?, weight?}]``; the other keys
may be added to them.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from salmon.principles.files import locate, read_document, refuse, suggestion, unknown_entry_keys
from salmon.principles.frames import Frames, framed, read_frames
from salmon.principles.verifiers import check_problem

BANKS = Path(__file__).parent / "banks"
LATER_KEYS = ("paraphrases", "negative_paraphrases", "check", "opposite")
LATER_FIELDS = (*LATER_KEYS, "framed", "negative_framed")  # not in content() while they are unset


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
    framed: tuple[str, ...] = ()  # further wordings, made of frames and topics
    negative_framed: tuple[str, ...] = ()

    def in_first_wordings(self, number: int | None) -> "Principle":
        """The same principle in its first ``number`` written wordings, of which its definition is one; None: all."""
        if number is None:
            return self
        return replace(
            self,
            paraphrases=self.paraphrases[: number - 1],
            negative_paraphrases=self.negative_paraphrases[: number - 1],
            framed=(),
            negative_framed=(),
        )


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
    entries, name_key = _entries(document, problems)
    frames = read_frames(document.get("frames") if isinstance(document, dict) else None, "frames", problems)
    principles = [_principle(entry, number, name_key, frames, problems) for number, entry in enumerate(entries, 1)]
    named = [principle for principle in principles if principle is not None]
    problems += _duplicates(entries, name_key)
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


def _entries(document: Any, problems: list[str]) -> tuple[list, str]:
    """The list of entries and the key under which each has its name."""
    if isinstance(document, list):
        return document, "dimension"
    if not isinstance(document, dict) or not isinstance(document.get("principles"), list | None):
        problems.append('it must have a list "principles" (or be a list, the original project\'s format)')
        return [], "name"
    problems += unknown_entry_keys(document, ("description", "frames", "principles"), "top level")
    return document.get("principles") or [], "name"


def _principle(entry: Any, number: int, name_key: str, frames: Frames | None, problems: list[str]) -> Principle | None:
    """One principle; ``None`` if it is too broken to have one, with the reasons in ``problems``."""
    where = f"principle {number}"
    if not isinstance(entry, dict):
        problems.append(f'{where}: must have the keys "{name_key}" and "definition"')
        return None
    if isinstance(entry.get(name_key), str):
        where += f" ({entry[name_key].strip()})"
    before = len(problems)
    known = (name_key, "definition", "negative_definition", "weight", "topics", *LATER_KEYS)
    problems += unknown_entry_keys(entry, known, where)
    name = _text(entry, name_key, where, problems)
    definition = _text(entry, "definition", where, problems)
    negated = entry.get("negative_definition") is not None
    negative = _text(entry, "negative_definition", where, problems) if negated else None
    if "/" in name:
        problems.append(f'{where}: a name must not contain "/" (it separates the parts of metric names)')
    weight = entry.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        problems.append(f'{where}: "weight" must be a number above 0, not {weight!r}')
    paraphrases = _texts(entry, "paraphrases", where, problems)
    negative_paraphrases = _texts(entry, "negative_paraphrases", where, problems)
    topics = read_frames(entry.get("topics"), f"{where}: topics", problems)
    if topics and not frames:
        problems.append(f'{where}: "topics" need "frames" at the top level')
    made, negative_made = (framed(frames, topics), framed(frames, topics.turned())) if topics and frames else ((), ())
    if (negative_paraphrases or negative_made) and not negated:
        key = "negative_paraphrases" if negative_paraphrases else "topics"
        problems.append(f'{where}: "{key}" need a "negative_definition"')
    check = _text(entry, "check", where, problems) if entry.get("check") is not None else None
    wrong = check_problem(check) if check else None
    problems += [f"{where}: {wrong}"] if wrong else []
    opposite = _text(entry, "opposite", where, problems) if entry.get("opposite") is not None else None
    if len(problems) > before:
        return None
    return Principle(
        name,
        definition,
        negative,
        float(weight),
        paraphrases,
        negative_paraphrases,
        check,
        opposite,
        tuple(text for text in made if text not in (definition, *paraphrases)),
        tuple(text for text in negative_made if text not in (negative, *negative_paraphrases)),
    )


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


def _texts(entry: dict, key: str, where: str, problems: list[str]) -> tuple[str, ...]:
    """An optional list of texts."""
    values = entry.get(key)
    if values is not None and not isinstance(values, list):
        problems.append(f'{where}: "{key}" must be a list of texts, not {values!r}')
        return ()
    numbered = {f"{key}[{n}]": value for n, value in enumerate(values or [], 1)}
    return tuple(_text(numbered, key, where, problems) for key in numbered)


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
