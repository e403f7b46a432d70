"""Scores of a benchmark's responses under each row's guideline and its contrary, by a reward model or by a policy."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from eval.pairs.likelihood import choice_likelihoods
from eval.pairs.ranked.rows import Ranked
from eval.pairs.ranked.verdicts import RankedScores
from eval.principle_following.scoring import score_cells
from eval.principle_following.tables import Column
from salmon.models.base import SharedModel
from salmon.reward.scorer import Cell
from salmon.reward.trained_model import RewardModel

GUIDELINE = "reward_guideline"  # label of scores under the rows' own guidelines
EMPTY = np.zeros(0)


def reward_ranked_scores(
    model: RewardModel, rows: Sequence[Ranked], banks: Mapping[str, Column], batch_size: int, folder: Path
) -> list[RankedScores]:
    """The scores under the rows' own guidelines; of rows that bring none, under each bank.

    Args:
        banks: guidelines of each bank that are shown together, by the label of their scores.
    """
    if rows[0].guideline is None or not model.reads_principles:
        return [_under(model, rows, label, [column] * len(rows), batch_size, folder) for label, column in banks.items()]
    return [_under(model, rows, GUIDELINE, [_column(row.guideline) for row in rows], batch_size, folder)]


def policy_ranked_scores(shared: SharedModel, rows: Sequence[Ranked], folder: Path) -> list[RankedScores]:
    """Log-probs of the responses as a whole and per token, each guideline behind the prompt."""
    contrary = [row for row in rows if row.contrary is not None]
    asked = [(_prompt(row, row.guideline), row.responses) for row in rows]
    asked += [(_prompt(row, row.contrary), row.responses) for row in contrary]
    found = choice_likelihoods(shared, asked, folder)
    sums = [np.array(of_row.logprobs) for of_row in found]
    means = [np.array(of_row.logprobs) / np.array(of_row.tokens) for of_row in found]
    cut = np.array([of_row.cut for of_row in found[: len(rows)]])
    return [
        RankedScores(label, values[: len(rows)], _placed(rows, values[len(rows) :]), cut)
        for label, values in (("sum", sums), ("per_token", means))
    ]


def _under(
    model: RewardModel, rows: Sequence[Ranked], label: str, columns: Sequence[Column], batch_size: int, folder: Path
) -> RankedScores:
    contrary = [row for row in rows if row.contrary is not None]
    asked = [*zip(rows, columns, strict=True), *((row, _column(row.contrary)) for row in contrary)]
    cells: list[Cell] = [((row.prompt, text), column) for row, column in asked for text in row.responses]
    scores = np.split(
        score_cells(model, cells, 2 * batch_size, folder), np.cumsum([len(row.responses) for row, _ in asked])[:-1]
    )
    cut = [
        any(model.cuts((row.prompt, text), column) for text in row.responses)
        for row, column in zip(rows, columns, strict=True)
    ]
    return RankedScores(label, scores[: len(rows)], _placed(rows, scores[len(rows) :]), np.array(cut))


def _column(guideline: str | None) -> Column:
    return () if guideline is None else (guideline,)


def _prompt(row: Ranked, guideline: str | None) -> str:
    return row.prompt if guideline is None else f"{row.prompt}\n\n{guideline}"


def _placed(rows: Sequence[Ranked], scores: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The scores under contraries, one for each row; empty where it has none."""
    waiting = iter(scores)
    return [EMPTY if row.contrary is None else next(waiting) for row in rows]
