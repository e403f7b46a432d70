"""MT-Bench from saved judgements in FastChat's format: the ratings in the judge's own words, and all that held none.

FastChat's ``show_result`` averages the stored scores and drops -1 without a word. Here every verdict is read again from
the judge's text, and what is missing is counted and listed; the averages are the same where nothing is.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eval.mt_bench import HARNESS, TASK, UNPARSED_SCORE
from eval.mt_bench.judges import count_ratings, parse_rating
from eval.mt_bench.rows import rating_rows
from eval.provenance import Provenance
from eval.results import Row
from eval.score.judged import column, judge_name
from eval.score.report import Finding, ScoreReport
from eval.score.saved import SavedItem, repeats
from salmon.errors import SalmonError

LAYOUT = (
    '{"question_id", "model", "judge": [name, prompt], "judgment": text, "score": number, "turn": 1 or 2}, a row of '
    "FastChat's model_judgment/<judge>_single.jsonl"
)
ROUNDING = 5e-5  # a local judge's text has four decimals of its score


@dataclass(frozen=True)
class SavedRating:
    """One verdict on one answer."""

    item: SavedItem
    question: Any
    model: str
    judge: str
    turn: int
    text: str
    stored: float  # the file's score

    @property
    def rating(self) -> float | None:
        """What the judge's text says, from 1 to 10."""
        said = parse_rating(self.text)
        return self.stored if said is not None and abs(said - self.stored) <= ROUNDING else said

    @property
    def row(self) -> dict[str, Any]:
        """A row of FastChat's with the rating that was read again."""
        score = UNPARSED_SCORE if self.rating is None else self.rating
        return {"question_id": self.question, "turn": self.turn, "judgment": self.text, "score": score}

    @property
    def line(self) -> str:
        what = f"question {self.question}, turn {self.turn}, score {self.stored:g}"
        return f"{self.item.place}: {what}: {self.text[-80:]!r}"


def score_judgements(items: Sequence[SavedItem], categories: dict[Any, str] | None) -> ScoreReport:
    """Mean ratings of each model by each judge: overall (over turns, as FastChat), by turn and by category.

    Args:
        categories: category of each question's id; None: no ratings by category.

    Raises:
        SalmonError: a row in another format, or a question without a category.
    """
    judgements = [_judgement(item) for item in items]
    rows: list[Row] = []
    groups: dict[tuple[str, str], list[SavedRating]] = {}
    for judgement in judgements:
        groups.setdefault((judgement.model, judgement.judge), []).append(judgement)
    for (model, judge), group in groups.items():
        rows += _rows(column(model, judge, groups), judge, group, categories)
    identities: list[Hashable | None] = [(j.model, j.judge, j.question, j.turn) for j in judgements]
    unrated = [j for j in judgements if j.rating is None]
    differing = [j for j in judgements if (UNPARSED_SCORE if j.rating is None else j.rating) != j.stored]
    several = [j.line for j in judgements if count_ratings(j.text) > 1]
    findings = [
        Finding("No rating from 1 to 10: left out of the averages", [j.line for j in unrated]),
        Finding("The stored score is not what the text says: the text counts", [j.line for j in differing]),
        Finding("Several ratings in one text: the first counts, as for FastChat", several),
        Finding("Judged more than once: all are counted, as by FastChat", repeats(items, identities)),
    ]
    return ScoreReport(
        rows,
        findings,
        [j.row | {"place": j.item.place, "model": j.model, "judge": j.judge, "stored": j.stored} for j in judgements],
    )


def _rows(name: str, judge: str, group: list[SavedRating], categories: dict[Any, str] | None) -> list[Row]:
    questions = len({j.question for j in group})
    how = Provenance(HARNESS, TASK, scope=f"{questions} questions", judge=judge)
    by_question = None if categories is None else {j.question: _category(j, categories) for j in group}
    rows = rating_rows(name, [j.row for j in group], how.text, how, by_question)
    kept = [j.stored for j in group if j.stored != UNPARSED_SCORE]
    by_show_result = sum(kept) / len(kept) if kept else None
    rows.append(Row(name, TASK, "score_show_result", by_show_result, None, len(kept), how.text, provenance=how))
    return [row if row.interval is None else replace(row, low=row.interval[0], high=row.interval[1]) for row in rows]


def _category(judgement: SavedRating, categories: dict[Any, str]) -> str:
    if judgement.question not in categories:
        raise SalmonError(
            f"{judgement.item.place}: question {judgement.question!r} is not in the file given as questions="
        )
    return categories[judgement.question]


def _judgement(item: SavedItem) -> SavedRating:
    text = item.get("judgment", str, LAYOUT)
    return SavedRating(
        item,
        item.get("question_id", (int, str), LAYOUT),
        item.get("model", str, LAYOUT),
        judge_name(item, LAYOUT),
        item.get("turn", int, LAYOUT),
        text,
        float(item.get("score", (int, float), LAYOUT)),
    )
