"""The figures about rated answers."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from eval.mt_bench import TASK, UNPARSED_SCORE
from eval.mt_bench.judges import ERROR_TEXT, count_ratings
from eval.provenance import Provenance
from eval.results import Row, mean_and_stderr

LISTED = 10  # items named in a note


def rating_rows(
    checkpoint: str,
    judgments: Sequence[dict[str, Any]],
    note: str,
    how: Provenance | None = None,
    categories: Mapping[Any, str] | None = None,
) -> list[Row]:
    """Mean rating (over turns, as FastChat), of each turn and category, and how many verdicts held none.

    The standard error is over questions (mean of their rated turns), whose turns are not independent.

    Args:
        judgments: FastChat's rows, one a turn; with ``ratings`` where the judge was asked several times.
        categories: category of each question's id; None: no ratings by category.
    """
    rated = [row for row in judgments if row["score"] != UNPARSED_SCORE]
    failed = [row for row in judgments if row["judgment"] == ERROR_TEXT]
    unparsed = [row for row in judgments if row["score"] == UNPARSED_SCORE and row["judgment"] != ERROR_TEXT]
    several = [row for row in judgments if count_ratings(row["judgment"]) > 1]

    def row(metric: str, value: float | None, stderr: float | None, n: int, more: str = "") -> Row:
        return Row(checkpoint, TASK, metric, value, stderr, n, note + more, provenance=how)

    score = row("score", *_mean_over_questions(rated), len(rated))
    table = [replace(score, items={str(name): fmean(scores) for name, scores in _by_question(rated).items()})]
    for turn in sorted({item["turn"] for item in judgments}):
        scores = [item["score"] for item in rated if item["turn"] == turn]
        table.append(row(f"score_turn_{turn}", *mean_and_stderr(scores), len(scores)))
    counts = {"n_scored": rated, "n_unparsed": unparsed, "n_failed": failed, "n_several_ratings": several}
    for metric, items in counts.items():
        places = "" if metric == "n_scored" else _places(metric, items)
        table.append(row(metric, float(len(items)), None, len(judgments), places))
    for category in dict.fromkeys((categories or {}).values()):
        inside = [item for item in judgments if (categories or {})[item["question_id"]] == category]
        scored = [item for item in inside if item["score"] != UNPARSED_SCORE]
        if inside:
            table.append(row(f"score/{category}", *_mean_over_questions(scored), len(scored)))
    return table + [row(*spread) for spread in _spread(judgments)]


def _mean_over_questions(rated: Sequence[dict[str, Any]]) -> tuple[float | None, float | None]:
    _, stderr = mean_and_stderr([fmean(scores) for scores in _by_question(rated).values()])
    return mean_and_stderr([item["score"] for item in rated])[0], stderr


def _by_question(rated: Sequence[dict[str, Any]]) -> dict[Any, list[float]]:
    """The ratings of each question's turns."""
    found: dict[Any, list[float]] = {}
    for item in rated:
        found.setdefault(item["question_id"], []).append(item["score"])
    return found


def _places(metric: str, items: Sequence[dict[str, Any]]) -> str:
    if not items:
        return ""
    named = ", ".join(f"{item['question_id']} turn {item['turn']}" for item in items[:LISTED])
    return f"; {metric}: question {named}" + (f" and {len(items) - LISTED} more" if len(items) > LISTED else "")


def _spread(judgments: Sequence[dict[str, Any]]) -> list[tuple[str, float | None, float | None, int]]:
    """How far a judge that is asked several times agrees with itself; nothing for one that is asked once.

    ``judge_range``: mean over the turns of the highest minus the lowest rating. ``judge_std``: standard deviation of
    the averages that each repetition alone would have given, over the turns that every repetition rated.
    """
    asked = [row["ratings"] for row in judgments if len(row.get("ratings", ())) > 1]
    if not asked:
        return []
    whole = [ratings for ratings in asked if None not in ratings]
    ranges = [max(ratings) - min(ratings) for ratings in whole]
    averages = [statistics.mean(column) for column in zip(*whole, strict=True)]
    lost = sum(rating is None for ratings in asked for rating in ratings)
    return [
        ("judge_range", *mean_and_stderr(ranges), len(ranges)),
        ("judge_std", statistics.stdev(averages) if averages else None, None, len(averages)),
        ("n_unrated_repeats", float(lost), None, sum(map(len, asked))),
    ]
