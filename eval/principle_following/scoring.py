"""The reward model's scores of many responses under many guidelines, each computed once and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from salmon.reward.scorer import Cell, GuidelineScorer
from salmon.reward.trained_model import Guidelines, PromptAndResponse, RewardModel
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.resumable import map_resumable

FORWARDS_A_LINE = 16  # forward passes between two progress lines, and between two writes
VERSION = 1  # of what a score is


def score_table(
    model: RewardModel,
    responses: Sequence[PromptAndResponse],
    columns: Sequence[Guidelines],
    batch_size: int,
    folder: Path,
) -> np.ndarray:
    """Scores [R, C] of (prompt, response) under the guidelines of each column.

    Scores are kept in ``folder`` under a name made of all they depend on, so an interrupted run continues.

    Args:
        batch_size: inputs per forward pass.
    """
    asked = [column if model.reads_principles else () for column in columns]
    unique = list(dict.fromkeys(asked))
    key = fingerprint("scores", VERSION, {**model.identity, "responses": responses, "columns": unique}, {})
    scorer = GuidelineScorer(model, batch_size)

    def work(cells: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        scores = scorer.score_cells([(responses[r], unique[c]) for r, c in cells]).tolist()
        return [{"response": r, "column": c, "score": s} for (r, c), s in zip(cells, scores, strict=True)]

    # All columns of a response together: what it begins with is computed once.
    cells = [(r, c) for r in _longest_first(model, responses) for c in range(len(unique))]
    folder.mkdir(parents=True, exist_ok=True)
    rows = map_resumable(folder / f"scores-{key}.jsonl", cells, batch_size * FORWARDS_A_LINE, work, "scores")
    scores = np.full((len(responses), len(unique)), np.nan)
    for row in rows:
        scores[row["response"], row["column"]] = row["score"]
    return scores[:, [unique.index(column) for column in asked]]


def score_cells(model: RewardModel, cells: Sequence[Cell], batch_size: int, folder: Path) -> np.ndarray:
    """Scores [N] of responses of which each has guidelines of its own; else as ``score_table``."""
    asked = [(response, column if model.reads_principles else ()) for response, column in cells]
    unique = list(dict.fromkeys(asked))
    responses = list(dict.fromkeys(response for response, _ in unique))
    place = {responses[r]: position for position, r in enumerate(_longest_first(model, responses))}
    order = sorted(range(len(unique)), key=lambda n: place[unique[n][0]])  # those of one response stay together
    key = fingerprint("cells", VERSION, {**model.identity, "cells": unique}, {})
    scorer = GuidelineScorer(model, batch_size)

    def work(numbers: Sequence[int]) -> list[dict[str, Any]]:
        scores = scorer.score_cells([unique[n] for n in numbers]).tolist()
        return [{"cell": n, "score": score} for n, score in zip(numbers, scores, strict=True)]

    folder.mkdir(parents=True, exist_ok=True)
    rows = map_resumable(folder / f"scores-{key}.jsonl", order, batch_size * FORWARDS_A_LINE, work, "scores")
    found = {unique[row["cell"]]: row["score"] for row in rows}
    return np.array([found[cell] for cell in asked], dtype=float)


def _longest_first(model: RewardModel, responses: Sequence[PromptAndResponse]) -> list[int]:
    """Numbers of the responses. The longest comes first, so too little memory is noticed at once."""
    tokens = [model.tokens(prompt) + model.tokens(text) for prompt, text in responses]
    return sorted(range(len(responses)), key=lambda r: (-tokens[r], r))
