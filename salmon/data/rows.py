"""Typed rows and their JSONL files (UTF-8, one JSON object a line, blank lines ignored)."""

import hashlib
import json
import logging
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from salmon.config.data import OnBadLine
from salmon.errors import SalmonError
from salmon.runtime.files import write_text_atomic
from salmon.runtime.jsonl import Record, parse_record, read_bytes, split_lines

log = logging.getLogger("salmon")

QuestionType = Literal["general", "reasoning", "red_teaming"]
Split = Literal["train", "held_out"]
Row = TypeVar("Row")
# A record in another format -> a record in ours; ValueError if it is in neither.
Convert = Callable[[Record], Record]


@dataclass(frozen=True)
class Prompt:
    id: str
    prompt: str
    type: QuestionType = "general"


@dataclass(frozen=True)
class Demonstration:
    id: str
    prompt: str
    response: str


@dataclass(frozen=True)
class PreferencePair:
    id: str
    prompt: str
    chosen: str
    rejected: str


@dataclass(frozen=True)
class ShownGuideline:
    """A principle as a preference row shows it; ``text`` is already the negative one if negated."""

    name: str
    negated: bool
    text: str


@dataclass(frozen=True)
class PreferenceRow:
    """A training row of the reward model, with everything that led to its label (PAPER.md 2.3)."""

    id: str
    prompt_id: str
    prompt: str
    response_1: str
    response_2: str
    guidelines: tuple[ShownGuideline, ...]  # [K]
    scores: tuple[float, ...]  # [K], after negation and normalisation; positive = response 1 is better
    label: Literal[1, 2]  # the preferred response
    decided_by: str  # "principle:<name>", "sum", "veto:ai_disclaimer", "veto:language", "veto:planted_bias"
    flipped: bool  # label noise turned the label
    split: Split

    def __post_init__(self) -> None:
        if len(self.guidelines) != len(self.scores):
            raise ValueError(f"{len(self.guidelines)} guidelines but {len(self.scores)} scores")

    @property
    def pair(self) -> str:
        """Which pair it is of, in whichever order its responses stand."""
        return "\x1f".join([self.prompt_id, *sorted((self.response_1, self.response_2))])


@dataclass(frozen=True)
class Judgement:
    """One pair judged by one principle, in both orders of presentation."""

    prompt_id: str
    principle: str
    original_order: float  # log-odds that response 1 is better, judged with response 1 shown first
    swapped_order: float  # log-odds that response 1 is better, judged with response 2 shown first


def content_id(*texts: str) -> str:
    """12 hex characters that depend on the texts only: the id of a row that brings none."""
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:12]


def read_jsonl(
    path: Path, row_type: type[Row], on_bad_line: OnBadLine, convert: Convert | None = None
) -> tuple[list[Row], int]:
    """Read rows and count what was skipped.

    Bad lines are malformed JSON and rows with a missing, unknown, mistyped or blank field or with an id
    that an earlier row has.

    Args:
        convert: applied to each record first, for other formats than ours.

    Raises:
        SalmonError: the file cannot be read, or (``OnBadLine.stop``) has a bad line; names file and line.
    """
    return collect_rows(_records(Path(path)), row_type, on_bad_line, convert)


def collect_rows(
    records: Iterable[tuple[str, Record | ValueError]],
    row_type: type[Row],
    on_bad_line: OnBadLine,
    convert: Convert | None = None,
) -> tuple[list[Row], int]:
    """Turn records into rows; see ``read_jsonl``.

    Args:
        records: (where it stands, the record or why there is none).
    """
    rows: list[Row] = []
    bad: list[str] = []
    ids = _Ids()
    for where, record in records:
        try:
            if isinstance(record, ValueError):
                raise record
            rows.append(_row(convert(record) if convert else record, row_type, ids, where))
        except ValueError as error:
            if on_bad_line is OnBadLine.stop:
                advice = "Correct it, or set prompts.on_bad_line=skip."
                raise SalmonError(f"{where}: {error}. {advice}") from error
            bad.append(f"{where}: {error}")
    if bad:
        log.warning("skipped %d bad line%s; the first is %s", len(bad), "s" if len(bad) > 1 else "", bad[0])
    return rows, len(bad)


def write_jsonl(path: Path, rows: Sequence[Any]) -> None:
    """Write rows so that the file is either the old one or the whole new one.

    Raises:
        OSError: the disk is full or the folder is not writable (``runtime.files.storage_errors`` words it).
        ValueError: a number of a row is not finite.
    """
    lines = (json.dumps(asdict(row), ensure_ascii=False, allow_nan=False) + "\n" for row in rows)
    write_text_atomic(path, "".join(lines))


def _records(path: Path) -> Iterator[tuple[str, Record | ValueError]]:
    for number, line in split_lines(read_bytes(path)):
        where = f"{path}, line {number}"
        try:
            yield where, parse_record(line)
        except ValueError as error:
            yield where, error


class _Ids:
    """Gives ids to rows without one and finds repeated ones."""

    def __init__(self) -> None:
        self.used: dict[str, str] = {}  # id -> where
        self.repeats: Counter[str] = Counter()  # content hash -> rows that had it

    def of_content(self, row: Any) -> str:
        """Equal contents have equal hashes and get numbers: repetition is the cleaning's business."""
        base = content_id(*(str(value) for key, value in sorted(asdict(row).items()) if key != "id"))
        self.repeats[base] += 1
        return base if self.repeats[base] == 1 else f"{base}-{self.repeats[base]}"

    def claim(self, row_id: str, where: str) -> None:
        if row_id in self.used:
            raise ValueError(f'the id "{row_id}" was already used at {self.used[row_id]}')
        self.used[row_id] = where


def _row(record: Record, row_type: Any, ids: _Ids, where: str) -> Any:
    if all(field.name != "id" for field in fields(row_type)):
        return _build(row_type, record, "row")
    if record.get("id") is None:
        row = _build(row_type, {**record, "id": "from content"}, "row")
        row = replace(row, id=ids.of_content(row))
    else:
        row = _build(row_type, record, "row")
    ids.claim(row.id, where)
    return row


def _build(expected: Any, value: Any, name: str) -> Any:
    """``value`` as the type ``expected``; ``ValueError`` says which field is not."""
    origin = get_origin(expected)
    if is_dataclass(expected):
        return _build_fields(expected, value, name)
    if origin is Literal:
        allowed = get_args(expected)
        if not any(value == choice and type(value) is type(choice) for choice in allowed):
            raise ValueError(f'"{name}" must be one of {", ".join(map(str, allowed))}, not {value!r}')
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ValueError(f'"{name}" must be a list, not {value!r}')
        part = get_args(expected)[0]
        return tuple(_build(part, item, f"{name}[{index}]") for index, item in enumerate(value))
    if expected is float and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if expected is not float and type(value) is expected:  # a bool is no number
        if expected is str and not value.strip():
            raise ValueError(f'"{name}" is blank')
        return value
    kind = {str: "text", bool: "true or false", float: "a finite number"}[expected]
    raise ValueError(f'"{name}" must be {kind}, not {value!r}')


def _build_fields(row_type: Any, value: Any, name: str) -> Any:
    if not isinstance(value, dict):
        raise ValueError(f'"{name}" must be an object, not {value!r}')
    hints = get_type_hints(row_type)
    required = [f.name for f in fields(row_type) if f.default is MISSING]
    wrong = [f'"{key}" is missing' for key in required if key not in value]
    wrong += [f'unknown field "{key}"' for key in value if key not in hints]
    if wrong:
        raise ValueError(", ".join(wrong))
    return row_type(**{key: _build(hints[key], item, key) for key, item in value.items()})
