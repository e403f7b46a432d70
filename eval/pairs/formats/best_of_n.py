"""One or more good responses and some bad ones: ``{prompt, chosen, rejected[, guideline, contrary, group]}``.

This is RewardBench 2's format (Malik et al. 2025, arXiv 2506.01937; ``allenai/reward-bench-2`` on the hub): ``chosen``
and ``rejected`` are lists, ``subset`` is the category, and ``num_correct``, ``num_incorrect`` and
``total_completions`` count them. Where a row has a guideline, each may also be a single text.
"""

from collections.abc import Iterator

from eval.pairs.formats.fields import category_of, optional_text, text_list
from eval.pairs.ranked.rewardbench2 import TIES, pair_number
from eval.pairs.ranked.rows import Ranked
from eval.user_files import texts
from salmon.errors import SalmonError
from salmon.runtime.jsonl import Record


def is_best_of_n(record: Record) -> bool:
    """Whether a record with ``chosen`` and ``rejected`` is one of these, and no plain pair."""
    if not {"chosen", "rejected"} <= record.keys():
        return False
    guided = bool({"guideline", "contrary", "group"} & record.keys())
    return guided or any(
        isinstance(record[side], list) and all(isinstance(text, str) for text in record[side])
        for side in ("chosen", "rejected")
    )


def read_best_of_n(where: str, record: Record, category: str) -> Iterator[Ranked]:
    (prompt,) = texts(where, record, ("prompt",), blank=True)
    sides = [record.get(side) for side in ("chosen", "rejected")]
    chosen, rejected = (
        text_list(where, name, [side] if isinstance(side, str) else side)
        for name, side in zip(("chosen", "rejected"), sides, strict=True)
    )
    counts = {
        "num_correct": len(chosen),
        "num_incorrect": len(rejected),
        "total_completions": len(chosen) + len(rejected),
    }
    for name, count in counts.items():
        if record.get(name, count) != count:
            raise SalmonError(f"{where}: {name} is {record[name]!r}, but the row has {count}. Correct the line")
    subset, name = category_of(where, record, category), str(record.get("id", ""))
    if subset == TIES and pair_number(name) is None:
        raise SalmonError(
            f'{where}: a row of {TIES} has an id "ref:NUMBER" (one right answer) or "tied:NUMBER" (several), not '
            f"{name!r}: its score compares the two. Correct the line"
        )
    guideline, contrary, group = (optional_text(where, record, key) for key in ("guideline", "contrary", "group"))
    ranks = (0,) * len(chosen) + (1,) * len(rejected)
    yield Ranked(prompt, chosen + rejected, ranks, subset, guideline, contrary, group, name)
