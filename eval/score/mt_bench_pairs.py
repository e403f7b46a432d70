"""MT-Bench's pairwise judgements in FastChat's format: wins, losses and ties of each model.

As in FastChat's ``show_result``, each pair is judged in both orders, and a win counts only where both orders agree on
it; all else is a tie. A game without one clear verdict in the judge's text is left out with its pair, and listed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.mt_bench import HARNESS, PAIR_TASK
from eval.mt_bench.pairs import outcome, win_rate_rows, winners
from eval.mt_bench.verdicts import call_failed
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from eval.score.judged import column, judge_name
from eval.score.report import Finding, ScoreReport
from eval.score.saved import SavedItem, repeats

LAYOUT = (
    '{"question_id", "model_1", "model_2", "judge", "g1_judgment": text, "g2_judgment": text, "turn"}, a row of '
    "FastChat's model_judgment/<judge>_pair.jsonl"
)


@dataclass(frozen=True)
class PairJudgement:
    """One pair of answers, judged in both orders."""

    item: SavedItem
    question: Any
    models: tuple[str, str]
    judge: str
    turn: int
    winners: tuple[str | None, str | None]  # by game: model_1, model_2 or tie; None: no clear verdict

    @property
    def outcome(self) -> str | None:
        """model_1, model_2 or tie; None where a game has no clear verdict."""
        return outcome(self.winners)


def is_pair(item: SavedItem) -> bool:
    """Whether a row is of a pair, not of a single answer: a folder of FastChat's holds files of both."""
    return "g1_judgment" in item.values or "model_1" in item.values


def score_pairs(items: Sequence[SavedItem]) -> ScoreReport:
    """Counts and rates of each model under each judge, over all its pairs.

    Raises:
        SalmonError: a row in another format.
    """
    pairs = [_pair(item) for item in items]
    seats: dict[tuple[str, str], list[tuple[str, PairJudgement]]] = {}
    for pair in pairs:
        for seat, model in zip(("model_1", "model_2"), pair.models, strict=True):
            seats.setdefault((model, pair.judge), []).append((seat, pair))
    rows: list[Row] = []
    for (model, judge), seated in seats.items():
        how = Provenance(HARNESS, PAIR_TASK, judge=judge)
        of = TaskRows(column(model, judge, seats), PAIR_TASK, how)
        n_failed = sum(call_failed(pair.item.values) for _, pair in seated)
        questions = [pair.question for _, pair in seated]
        rows += win_rate_rows(of, [(seat, pair.winners) for seat, pair in seated], questions, n_failed)
    undecided = [p.item.place for p in pairs if p.outcome is None]
    stored = [(p.item.values.get("g1_winner"), p.item.values.get("g2_winner")) for p in pairs]
    differing = [
        f"{p.item.place}: stored {s}, read {p.winners}"
        for p, s in zip(pairs, stored, strict=True)
        if s != (None, None) and s != tuple(w or "error" for w in p.winners)
    ]
    repeated = repeats(items, [(p.models, p.judge, p.question, p.turn) for p in pairs])
    findings = [
        Finding("A game without one clear verdict: left out", undecided),
        Finding("The stored winners are not what the text says: the text counts", differing),
        Finding("Judged more than once: all are counted, as by FastChat", repeated),
    ]
    return ScoreReport(
        rows, findings, [{"place": p.item.place, "models": p.models, "outcome": p.outcome} for p in pairs]
    )


def _pair(item: SavedItem) -> PairJudgement:
    texts = item.get("g1_judgment", str, LAYOUT), item.get("g2_judgment", str, LAYOUT)
    models = item.get("model_1", str, LAYOUT), item.get("model_2", str, LAYOUT)
    question, turn = item.get("question_id", (int, str), LAYOUT), item.get("turn", int, LAYOUT)
    return PairJudgement(item, question, models, judge_name(item, LAYOUT), turn, winners(texts))
