"""Pairs with a known preference, in the formats in which they are published."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from eval.user_files import records, texts
from salmon.data.formats import pair_of
from salmon.errors import SalmonError
from salmon.runtime.jsonl import Record

log = logging.getLogger("salmon")

CATEGORY = ("category", "subset")  # fields that name one: ours, RewardBench's
WHOLE_FOLDER = ("task", "dataset")  # names of files that stand for the folder in which they lie
LAYOUTS = ("*/task.json", "**/dataset.json", "**/*.json*")  # of folders: BIG-bench's, LLMBar's, any other


@dataclass(frozen=True)
class Preference:
    """Two responses to one prompt, of which one is preferred."""

    prompt: str
    chosen: str
    rejected: str
    category: str  # "" where the file names none


@dataclass(frozen=True)
class Preferences:
    pairs: list[Preference]
    skipped: int  # rows with a blank text or two equal responses: nothing can be preferred there
    rows: int  # in the file


def read_preferences(path: Path) -> Preferences:
    """Every pair of a file, or of a folder like BIG-bench's ``hhh_alignment`` (``<category>/task.json``).

    Rows may be
    - ``{prompt, chosen, rejected[, category]}``, RewardBench's among them (``subset`` is its category),
    - whole dialogues ``{chosen, rejected}`` (HH-RLHF): the last assistant turn is the response, and what comes before
      it the prompt, as it stands ("Human: ..."; a single question without that word), and
    - BIG-bench's ``{input, target_scores: {text: 1, text: 0}}``, also in the hub's form of HHH
      (``targets: {choices: [text, text], labels: [1, 0]}``).

    Raises:
        SalmonError: a file is unreadable or has no pair, or a row is in none of these formats.
    """
    return preferences_of(path, placed_rows(path))


def preferences_of(path: Path, placed: Iterable[tuple[str, Record, str]]) -> Preferences:
    """The pairs of records; ``placed`` and what is raised as in ``placed_rows`` and ``read_preferences``."""
    pairs, skipped = [], 0
    for where, record, category in placed:
        try:
            row = pair_of(_from_scores(record))
        except ValueError as error:
            raise SalmonError(f"{where}: {error}. Correct the line") from error
        prompt, chosen, rejected = texts(where, row, ("prompt", "chosen", "rejected"), blank=True)
        named = next((record[field] for field in CATEGORY if field in record), category)
        if not isinstance(named, str):
            raise SalmonError(f"{where}: the category must be text, not {named!r}. Correct the line")
        if prompt.strip() and chosen.strip() and rejected.strip() and chosen != rejected:
            pairs.append(Preference(prompt, chosen, rejected, named))
        else:
            log.warning("%s is left out: a text is blank, or the two responses are the same", where)
            skipped += 1
    if not pairs:
        raise SalmonError(f"{path} has no pairs")
    return Preferences(pairs, skipped, len(pairs) + skipped)


def placed_rows(path: Path) -> Iterator[tuple[str, Record, str]]:
    """(where it stands, row, category that its file stands for) of a file, or of the files below a folder.

    A file of a folder stands for the category that its path names: ``Adversarial/Manual/dataset.json`` for
    ``Adversarial_Manual``, ``honest/task.json`` for ``honest``, ``LLMBar_Natural.json`` for ``LLMBar_Natural``.

    Raises:
        SalmonError: a file cannot be read, or a row is no JSON object.
    """
    if not path.is_dir():
        yield from ((where, record, "") for where, record in records(path))
        return
    for file in next((sorted(found) for layout in LAYOUTS if (found := list(path.glob(layout)))), []):
        parts = file.relative_to(path).with_name(file.name.partition(".json")[0]).parts
        category = "_".join(parts[:-1] if len(parts) > 1 and parts[-1] in WHOLE_FOLDER else parts)
        yield from ((where, record, category) for where, record in records(file))


def _from_scores(record: Record) -> Record:
    """A row of a multiple choice with two texts as ``{prompt, chosen, rejected}``; other records as they are."""
    match record:
        case {"target_scores": dict(scores)}:
            pass
        case {"targets": {"choices": list(choices), "labels": list(labels)}}:
            if len(choices) != len(labels):
                raise ValueError(f"{len(choices)} choices have {len(labels)} labels, which must be as many")
            scores = dict(zip(map(str, choices), labels, strict=True))
        case _:
            return record
    if list(scores.values()) not in ([0, 1], [1, 0]):
        raise ValueError(f"a pair has one text with score 1 and one with score 0; here are {list(scores.values())}")
    rejected, chosen = sorted(scores, key=lambda text: scores[text])
    return {"prompt": record.get("input"), "chosen": chosen, "rejected": rejected}
