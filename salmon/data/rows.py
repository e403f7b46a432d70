"""Typed rows and their JSONL files (UTF-8, one JSON object a line, blank lines ignored)."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator

from salmon.config.data import OnBadLine
from salmon.data.checked import Checked, Flag, Number, Text, read_as, whole_number
from salmon.errors import SalmonError
from salmon.runtime.files import write_text_atomic
from salmon.runtime.foreign import read_bytes
from salmon.runtime.jsonl import Record, as_record, parse_record, split_lines
from salmon.runtime.parsing import Malformed, parse_json

log = logging.getLogger("salmon")

QuestionType = Literal["general", "reasoning", "red_teaming"]
Split = Literal["train", "held_out"]
Preferred = Annotated[Literal[1, 2], BeforeValidator(whole_number)]
Row = TypeVar("Row")
# A record in another format -> a record in ours; ValueError if it is in neither.
Convert = Callable[[Record], Record]


@dataclass(frozen=True)
class Prompt(Checked):
    id: Text
    prompt: Text
    type: QuestionType = "general"


@dataclass(frozen=True)
class Demonstration(Checked):
    id: Text
    prompt: Text
    response: Text
    finished: Flag = True  # false: the response was cut where it was written, so it does not show where to end


@dataclass(frozen=True)
class PreferencePair(Checked):
    id: Text
    prompt: Text
    chosen: Text
    rejected: Text

    def __post_init__(self) -> None:
        if self.chosen == self.rejected:
            raise ValueError('"chosen" and "rejected" are the same text, so nothing is preferred')


@dataclass(frozen=True)
class ShownGuideline(Checked):
    """A principle as a preference row shows it; ``text`` is already the negative one if negated."""

    name: Text
    negated: Flag
    text: Text


@dataclass(frozen=True)
class PreferenceRow(Checked):
    """A training row of the reward model, with everything that led to its label (PAPER.md 2.3)."""

    id: Text
    prompt_id: Text
    prompt: Text
    response_1: Text
    response_2: Text
    guidelines: tuple[ShownGuideline, ...]  # [K]
    scores: tuple[Number, ...]  # [K], after negation and normalisation; positive = response 1 is better
    label: Preferred  # the preferred response
    decided_by: Text  # "principle:<name>", "sum", "veto:ai_disclaimer", "veto:language", "veto:planted_bias"
    flipped: Flag  # label noise turned the label
    split: Split

    def __post_init__(self) -> None:
        if len(self.guidelines) != len(self.scores):
            raise ValueError(f"{len(self.guidelines)} guidelines but {len(self.scores)} scores")

    @property
    def pair(self) -> str:
        """Which pair it is of, in whichever order its responses stand."""
        return "\x1f".join([self.prompt_id, *sorted((self.response_1, self.response_2))])


@dataclass(frozen=True)
class Judgement(Checked):
    """One pair judged by one principle, in both orders of presentation."""

    prompt_id: Text
    principle: Text
    original_order: Number  # log-odds that response 1 is better, judged with response 1 shown first
    swapped_order: Number  # log-odds that response 1 is better, judged with response 2 shown first


def content_id(*texts: str) -> str:
    """12 hex characters that depend on the texts only: the id of a row that brings none."""
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:12]


def read_jsonl(
    path: Path, row_type: type[Row], on_bad_line: OnBadLine, convert: Convert | None = None
) -> tuple[list[Row], int]:
    """Read rows of JSON lines, or of a JSON array, and count what was skipped.

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
    """(where it stands, the record or what is wrong with it) of JSON lines, or of one JSON array."""
    content = read_bytes(path)
    if content.lstrip().startswith(b"["):
        yield from _array(path, content)
        return
    for number, line in split_lines(content):
        where = f"{path}, line {number}"
        try:
            yield where, parse_record(line)
        except ValueError as error:
            yield where, error


def _array(path: Path, content: bytes) -> Iterator[tuple[str, Record | ValueError]]:
    try:
        values = parse_json(content)
    except Malformed as error:
        line = "" if error.line is None else f", line {error.line}"
        raise SalmonError(
            f"{path}{line}: {error}. The file begins with [, so it is read as one JSON array; correct it"
        ) from error
    for number, value in enumerate(values, start=1):
        where = f"{path}, row {number}"
        try:
            yield where, as_record(value)
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
        return read_as(row_type, record)
    if record.get("id") is None:
        row = read_as(row_type, {**record, "id": "from content"})
        row = replace(row, id=ids.of_content(row))
    else:
        given = record["id"]
        row = read_as(row_type, record | {"id": str(given)} if type(given) is int else record)
    ids.claim(row.id, where)
    return row
