"""Our own figures, from the ``results.json`` of evaluations."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.results import Row
from salmon.errors import SalmonError
from salmon.runtime.fingerprint import identity_digest
from salmon.runtime.foreign import read_json

RESULTS = "results.json"
UNKNOWN = "not recorded"
HASH = "checkpoint hash"
# Of an evaluation or an artifact; of a job; of a multirun's folder.
PLACES = (RESULTS, f"artifacts/*/{RESULTS}", f"*/{RESULTS}", f"*/artifacts/*/{RESULTS}")


@dataclass(frozen=True)
class MeasuredRow:
    """One figure, with what tells where it comes from."""

    label: str  # of the checkpoint, unique over all results that are read
    row: Row
    files: tuple[Path, ...]
    made_by: str  # model, weights, seed, command, configuration and source revision, as far as recorded
    seeds: int | None = None  # training runs that the figure is the mean of; None: not known, it is of no study
    weights: str | None = None  # hashes of the checkpoints; None: not recorded


def read_results(folders: Sequence[Path]) -> list[MeasuredRow]:
    """All rows of the evaluations in the folders: of an evaluation, an artifact, a job or a multirun.

    Raises:
        SalmonError: a folder without results of an evaluation, or a file that is none.
    """
    contents: dict[Path, dict[str, Any]] = {}
    for folder in folders:
        found = {path.resolve(): _content(path) for place in PLACES for path in sorted(folder.glob(place))}
        found = {path: content for path, content in found.items() if "rows" in content}
        if not found:
            raise SalmonError(
                f"{folder}: no {RESULTS} of an evaluation here; give the output folder of python -m eval, an eval "
                "artifact, a job folder, or the folder of a multirun"
            )
        contents |= found  # a file that two folders lead to is read once
    try:
        rows = [(path, Row.of(row)) for path, content in contents.items() for row in content["rows"]]
    except TypeError as error:
        raise SalmonError(f"{', '.join(map(str, contents))}: a row is not of this program ({error})") from error
    files_of = Counter(name for name, _ in {(row.checkpoint, path) for path, row in rows})
    measured = []
    for path, row in rows:
        unique = files_of[row.checkpoint] == 1
        label = row.checkpoint if unique else f"{row.checkpoint} in {path.parent}"
        facts = [facts_of(contents[path], row.checkpoint)]
        measured.append(MeasuredRow(label, row, (path,), said_facts(facts), weights=weights_of(facts)))
    return measured


def one_row_for_equal_weights(rows: Sequence[MeasuredRow]) -> list[MeasuredRow]:
    """Rows of one metric, those of one evaluation and the same weights as one: the best policy often is the last one.

    Its label names each checkpoint: "ppo_best and ppo_last".
    """
    equal: dict[object, list[MeasuredRow]] = {}
    for number, each in enumerate(rows):
        key = (each.files, each.weights, each.row.provenance, each.row.value) if each.weights else number
        equal.setdefault(key, []).append(each)
    merged = []
    for first, *others in equal.values():
        names = " and ".join([first.row.checkpoint, *(other.row.checkpoint for other in others)])
        merged.append(replace(first, label=names + first.label.removeprefix(first.row.checkpoint)))
    return merged


def _content(path: Path) -> dict[str, Any]:
    content = read_json(path, None)
    return content if isinstance(content, dict) else {}


def facts_of(content: Mapping[str, Any], checkpoint: str) -> dict[str, str]:
    """What made the figures of a checkpoint, from a ``results.json``."""
    base = content.get("base") or {}
    path = base.get("path", UNKNOWN) + (f" at {base['revision']}" if base.get("revision") else "")
    settings = content.get("settings")
    facts = {
        "model": content.get("model", UNKNOWN),
        "base": path,
        HASH: content.get("checkpoints", {}).get(checkpoint, UNKNOWN),
        "seed": content.get("seed", UNKNOWN),
        "command": content.get("command", UNKNOWN),
        "configuration": UNKNOWN if settings is None else identity_digest(settings),
        "source": (content.get("git") or UNKNOWN)[:12],
    }
    if "predictions" in content:  # of python -m eval score: the texts are what there is to identify
        facts = {
            "predictions": " ".join(digest[:16] for digest in content["predictions"].values()),
            "command": content.get("command", UNKNOWN),
        }
    return {name: str(value) for name, value in facts.items()}


def weights_of(facts: Sequence[Mapping[str, str]]) -> str | None:
    """The hashes of the weights behind several results; None where one is not recorded."""
    hashes = [each.get(HASH, UNKNOWN) for each in facts]
    return None if UNKNOWN in hashes else " ".join(hashes)


def said_facts(facts: Sequence[Mapping[str, str]]) -> str:
    """Facts of several results as one text; what is the same in all is said once."""
    names = dict.fromkeys(name for each in facts for name in each)
    said = {name: " and ".join(dict.fromkeys(each[name] for each in facts if name in each)) for name in names}
    return ", ".join(f"{name} {value}" for name, value in said.items())
