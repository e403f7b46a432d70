"""What is reported about one benchmark: the rows of the table, and every item with its scores."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.pairs.figures import finite_or_none
from eval.pairs.ranked.figures import RankedFigures
from eval.pairs.ranked.rows import Benchmark
from eval.pairs.ranked.verdicts import RankedScores, best_shares, right_pairs
from eval.results import Row, TaskRows
from salmon.runtime.jsonl import rewrite_records


def ranked_rows(rows: TaskRows, benchmark: Benchmark, scored: Sequence[RankedScores], folder: Path) -> list[Row]:
    """All figures of a benchmark; ``items.jsonl`` in ``folder`` has every item, its scores and its verdicts."""
    rewrite_records(folder / "items.jsonl", _items(benchmark, scored))
    found = [row for kind in scored for row in RankedFigures(rows, benchmark.rows, kind).all()]
    return [*found, rows.count("n_skipped", benchmark.skipped, benchmark.total)]


def _items(benchmark: Benchmark, scored: Sequence[RankedScores]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = [{**asdict(row), "scores": {}} for row in benchmark.rows]
    for kind in scored:
        right, best = right_pairs(benchmark.rows, kind.scores), best_shares(benchmark.rows, kind.scores)
        for n, item in enumerate(items):
            item["scores"][kind.label] = {
                "scores": finite_or_none(kind.scores[n]),
                "contrary": finite_or_none(kind.contrary[n]),
                "right": finite_or_none(right[n : n + 1])[0],
                "best": finite_or_none(best[n : n + 1])[0],
                "cut": bool(kind.cut[n]),
            }
    return items
