"""What later stages read of a finished preferences artifact, besides its rows."""

from pathlib import Path

from salmon.data.rows import Judgement
from salmon.preferences.judgements import JudgedPairs
from salmon.preferences.pairs import Pair, usable_pairs
from salmon.principles.bank import Bank
from salmon.runtime.jsonl import read_records


def training_pairs(folder: Path, min_chars: int) -> list[Pair]:
    """Read the pairs that were judged, without those of held-out prompts.

    Args:
        folder: the artifact.
        min_chars: the ``preferences.min_response_chars`` that it was made with.
    """
    held_out = _held_out_ids(folder)
    return [pair for pair in _judged_pairs(folder, min_chars) if pair.prompt_id not in held_out]


def judged_training_pairs(folder: Path, bank: Bank, min_chars: int) -> JudgedPairs:
    """Read the same pairs with their judgements.

    Args:
        folder: the artifact.
        bank: the principles that they were judged by.
        min_chars: the ``preferences.min_response_chars`` that it was made with.
    """
    held_out = _held_out_ids(folder)
    judgements = [[Judgement(**j) for j in row["judgements"]] for row in read_records(folder / "judgements.jsonl")]
    kept = [
        (pair, row)
        for pair, row in zip(_judged_pairs(folder, min_chars), judgements, strict=True)
        if pair.prompt_id not in held_out
    ]
    return JudgedPairs([pair for pair, _ in kept], [row for _, row in kept], bank)


def _judged_pairs(folder: Path, min_chars: int) -> list[Pair]:
    return usable_pairs([Pair(**row) for row in read_records(folder / "pairs.jsonl")], min_chars)


def _held_out_ids(folder: Path) -> set[str]:
    return {row["prompt_id"] for row in read_records(folder / "held_out_pairs.jsonl")}
