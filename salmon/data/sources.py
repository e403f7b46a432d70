"""Where rows come from: the bundled prompts, a JSONL file, or a data set of the Hugging Face hub.

Besides our own rows, JSONL files may have
- Self-Instruct tasks ``{instruction, instances: [{input, output}]}`` (the first instance is used), and
- for pairs, transcripts ``{chosen, rejected}`` of turns that begin with "Human:" and "Assistant:" (HH-RLHF).
Rows from the hub may have more columns than are needed.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, fields
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from salmon.config.data import OnBadLine
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
        spec: "bundled", the path of a JSONL file (``{prompt, id?, type?}`` or Self-Instruct tasks), or
            "hub:NAME[:SPLIT[:COLUMN]]" (split "train"; column "prompt", else "instruction").

    Raises:
        SalmonError: the source cannot be read, has no rows, or has a bad row and ``OnBadLine.stop``.
    """
    return _load(spec, Prompt, on_bad_line, prompt_from_task)


def load_demonstrations(spec: str, on_bad_line: OnBadLine) -> list[Demonstration]:
    """Demonstrations of a JSONL file (``{prompt, response, id?}`` or Self-Instruct tasks) or of the hub."""
    return _load(spec, Demonstration, on_bad_line, demonstration_from_task)


def load_pairs(spec: str, on_bad_line: OnBadLine) -> list[PreferencePair]:
    """Pairs of a JSONL file (``{prompt, chosen, rejected, id?}`` or transcripts) or of the hub."""
    return _load(spec, PreferencePair, on_bad_line, pair_from_transcripts)


def prompt_from_task(record: dict[str, Any]) -> dict[str, Any]:
    """A Self-Instruct task as ``{prompt, id?}``; other records as they are."""
    if "instances" not in record:
        return record
    match record:
        case {"instruction": str(instruction), "instances": [{"input": str(given)}, *_]}:
            prompt = f"{instruction}\n\n{given}" if given.strip() else instruction
            return {key: record[key] for key in ("id",) if key in record} | {"prompt": prompt}
    expected = '{"instruction": text, "instances": [{"input": text, ...}, ...]}'
    raise ValueError(f'a row with "instances" must be like {expected}')


def demonstration_from_task(record: dict[str, Any]) -> dict[str, Any]:
    """A Self-Instruct task as ``{prompt, response, id?}``; other records as they are."""
    row = prompt_from_task(record)
    if row is record or "output" not in record["instances"][0]:
        return row
    return row | {"response": record["instances"][0]["output"]}


def pair_from_transcripts(record: dict[str, Any]) -> dict[str, Any]:
    """Two transcripts as ``{prompt, chosen, rejected}``; records with a prompt as they are.

    The prompt is the dialogue up to the last assistant turn that both transcripts begin at the same place.
    Turns are compared whole, so an answer that is the beginning of the other one stays an answer
    (PAPER.md 3.2).
    """
    if "prompt" in record or not all(isinstance(record.get(key), str) for key in ("chosen", "rejected")):
        return record
    marker = "\n\nAssistant:"
    chosen, rejected = (("\n" * 2 + record[key].strip()).split(marker) for key in ("chosen", "rejected"))
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False)))
    shared = min(shared, len(chosen) - 1, len(rejected) - 1)
    if shared < 1:
        raise ValueError('the transcripts do not share a beginning up to an "Assistant:" turn')
    texts = {"chosen": chosen, "rejected": rejected}
    row = {key: marker.join(parts[shared:]).strip() for key, parts in texts.items()}
    prompt = marker.join(chosen[:shared]).strip()
    prompt = prompt.removeprefix("Human:").strip() if shared == 1 else prompt
    return {**{key: record[key] for key in record if key == "id"}, "prompt": prompt, **row}


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
    """Our field -> column of the data set, for every field that is text of the row itself."""
    if row_type is Prompt:
        chosen = column or next((name for name in ("prompt", "instruction") if name in present), "prompt")
        needed = {"prompt": chosen}
    else:
        needed = {
            field.name: field.name for field in fields(row_type) if field.name != "id" and field.default is MISSING
        }
        if row_type is PreferencePair and "prompt" not in present:
            del needed["prompt"]  # transcripts
    absent = [name for name in needed.values() if name not in present]
    if absent:
        raise SalmonError(f"{spec} has no column {_listed(absent)}; it has {_listed(present)}.")
    return needed


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
