"""Where rows come from: the bundled prompts, a JSONL file, or a data set of the Hugging Face hub.

A file is JSON lines or one JSON array, gzipped or not; its rows are ours or in a format of ``salmon/data/formats.py``.
Rows from the hub may have more columns than are needed.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from salmon.config.data import OnBadLine
from salmon.data.formats import FORMAT_KEYS, TURNS, demonstration_of, pair_of, prompt_of
from salmon.data.hub_prompts import is_prompt
from salmon.data.rows import Convert, Demonstration, PreferencePair, Prompt, collect_rows, read_jsonl
from salmon.errors import SalmonError
from salmon.runtime.files import file_digest

log = logging.getLogger("salmon")

BUNDLED_PROMPTS = Path(__file__).parent / "bundled" / "prompts.jsonl"
Row = TypeVar("Row")


def load_prompts(spec: str, on_bad_line: OnBadLine) -> list[Prompt]:
    """Prompts of a source.

    Args:
        spec: "bundled", the path of a file of ``{prompt, id?, type?}`` or other formats, or
            "hub:NAME[:SPLIT[:COLUMN]]" (split "train"; without a column, "prompt", else what the formats say).

    Raises:
        SalmonError: the source cannot be read, has no rows, or has a bad row and ``OnBadLine.stop``.
    """
    return _load(spec, Prompt, on_bad_line, prompt_of)


def load_demonstrations(spec: str, on_bad_line: OnBadLine) -> list[Demonstration]:
    """Demonstrations of a file (``{prompt, response, id?}`` or other formats) or of the hub."""
    return _load(spec, Demonstration, on_bad_line, demonstration_of)


def load_pairs(spec: str, on_bad_line: OnBadLine) -> list[PreferencePair]:
    """Pairs of a file (``{prompt, chosen, rejected, id?}`` or other formats) or of the hub."""
    return _load(spec, PreferencePair, on_bad_line, pair_of)


def source_identity(spec: str) -> str:
    """What a fingerprint needs to know of a source: a hash of the file's bytes, or the hub's name as given.

    A moved file stays the same source and an edited one becomes another. A data set that changes on
    the hub is not noticed.

    Raises:
        SalmonError: there is no such file.
    """
    if spec.startswith("hub:"):
        return spec
    return f"sha256:{file_digest(_file(spec))}"


def _file(spec: str) -> Path:
    path = BUNDLED_PROMPTS if spec == "bundled" else Path(spec).expanduser()
    if not path.is_file():
        raise SalmonError(
            f"there is no file {path.absolute()}. A source is the path of a JSONL file, hub:NAME[:SPLIT] for "
            'a data set of the hub or, for prompts, "bundled".'
        )
    return path


def _load(spec: str, row_type: type[Row], on_bad_line: OnBadLine, convert: Convert) -> list[Row]:
    if spec.startswith("hub:"):
        rows, skipped = collect_rows(_hub_records(spec, row_type), row_type, on_bad_line, convert)
    else:
        rows, skipped = read_jsonl(_file(spec), row_type, on_bad_line, convert)
    if not rows:
        raise SalmonError(f"{spec} has no usable rows ({skipped} bad ones were skipped).")
    return rows


def _hub_records(spec: str, row_type: type) -> Iterator[tuple[str, dict[str, Any] | ValueError]]:
    """Records of "hub:NAME[:SPLIT[:COLUMN]]", with the columns that ``row_type`` has."""
    name, split, column = [*spec.removeprefix("hub:").split(":"), "", ""][:3]
    if not name or spec.count(":") > (3 if row_type is Prompt else 2):
        shape = "hub:NAME[:SPLIT[:COLUMN]]" if row_type is Prompt else "hub:NAME[:SPLIT]"
        raise SalmonError(f'"{spec}" must have the form {shape}.')
    data = _load_from_hub(name, split or "train")
    wanted = _columns(data.column_names, row_type, column, spec)
    wanted_row = is_prompt(data.column_names, data) if row_type is Prompt else None
    if wanted_row:
        log.info("%s: rows that are no prompts by themselves (answers, questions about a text) are left out", spec)
    for number, record in enumerate(data, 1):
        if wanted_row and not wanted_row(record):
            continue
        yield f"{spec}, row {number}", {ours: record[theirs] for ours, theirs in wanted.items()}


def _columns(present: Sequence[str], row_type: type, column: str, spec: str) -> dict[str, str]:
    """Our field -> column of the data set, or the columns of another format under their own names."""
    if column:
        needed = {"prompt": column}
    else:
        own = [field.name for field in fields(row_type) if field.name != "id" and field.default is MISSING]
        needed = dict(zip(own, own, strict=True))
        if not set(own) <= set(present):
            needed = _foreign_columns(set(present), row_type) or needed
    absent = [name for name in needed.values() if name not in present]
    if absent:
        raise SalmonError(f"{spec} has no column {_listed(absent)}; it has {_listed(present)}.")
    return needed


def _foreign_columns(present: set[str], row_type: type) -> dict[str, str]:
    """Columns of a format that is not ours; none where none is known."""
    if row_type is Prompt and "instruction" in present and not {"input", "output"} & present:
        return {"prompt": "instruction"}
    known = sorted(FORMAT_KEYS & present)
    enough = {"chosen", "rejected"} if row_type is PreferencePair else set()
    enough = enough or ({"instruction"} if "instruction" in present else set(TURNS) & present)
    return {name: name for name in known} if enough and enough <= present else {}


def _load_from_hub(name: str, split: str) -> Any:
    from datasets import load_dataset

    try:
        return load_dataset(name, split=split)
    except Exception as error:  # whatever the hub, the network or a data set's own files can raise
        raise SalmonError(
            f'the data set "{name}" (split "{split}") could not be loaded from the hub. Check its name and '
            f"the network, or give the path of a JSONL file. The error was: {str(error).strip()[:300]}"
        ) from error


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
