"""The reward model's scores of many responses under many guidelines, each computed once and kept."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from eval.checkpoints import adapter_hash
from eval.principle_following.tables import Column
from salmon.config.reward import RewardConfig
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward
from salmon.models.heads import HEAD_FILE, Head, load_scalar_model
from salmon.principles.bank import Bank
from salmon.principles.encoding import EncodedRewardInput
from salmon.principles.templates import reward_parts
from salmon.reward.inputs import reward_input
from salmon.runtime.adapter_files import CONFIG, WEIGHTS
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.resumable import map_resumable
from salmon.runtime.store import Artifact

ADAPTER = "evaluated"  # name on the shared base
FOLDER = "reward"  # in a reward artifact
FORWARDS_A_LINE = 16  # forward passes between two progress lines, and between two writes
VERSION = 1  # of what a score is

Response = tuple[str, str]  # prompt, response
Cell = tuple[Response, Column]  # a response, and the guidelines under which it is scored


@dataclass(frozen=True)
class RewardModel:
    """A reward model on the shared base, with what it was trained to read."""

    shared: SharedModel
    head: Head
    limits: RewardConfig  # lengths, and whether principles are read
    reads_principles: bool  # False: it was trained, and is asked, under the generic criteria (an ablation)
    identity: dict[str, Any]  # everything that decides its scores

    def ids(self, response: Response, column: Column) -> list[int]:
        """What it reads of a (prompt, response) under the guidelines of a column."""
        return self._input(response, column).ids

    def cuts(self, response: Response, column: Column) -> bool:
        """Whether it does not read all of a (prompt, response) under the guidelines of a column."""
        read = self._input(response, column)
        return bool(read.cut_instruction or read.cut_response)

    def _input(self, response: Response, column: Column) -> EncodedRewardInput:
        prompt, text = response
        shown = column if self.reads_principles else ()
        return reward_input(self.shared.chat, text, prompt, shown, self.limits, self.head.kind)

    def tokens(self, text: str) -> int:
        return len(self.shared.chat.encode(text))

    def first_that_fit(self, bank: Bank) -> Column:
        """The bank's first K definitions that leave half of ``reward.max_length`` to response and prompt; K >= 1."""
        texts = [principle.definition for principle in bank.principles]
        room = self.limits.max_length // 2
        ends = {k: reward_parts(texts[:k], self.head.kind).after_instruction for k in range(1, len(texts) + 1)}
        fitting = [k for k, end in ends.items() if self.tokens(end) <= room]
        return tuple(texts[: max(fitting, default=1)])


@contextmanager
def loaded_reward_model(shared: SharedModel, artifact: Artifact) -> Iterator[RewardModel]:
    """The artifact's reward model; it is removed from the base afterwards.

    Raises:
        SalmonError: the artifact is not complete, or fits another base.
    """
    folder, settings = artifact.path / FOLDER, artifact.manifest.get("config", {}).get("reward", {})
    try:
        lengths = {name: settings[name] for name in ("max_length", "max_instruction_tokens", "max_response_tokens")}
    except KeyError as error:
        raise SalmonError(
            f"{artifact.path}: its manifest lacks config.reward.{error.args[0]}, the length that the "
            "model was trained with; make the artifact again"
        ) from error
    reads = bool(settings.get("principles", True))
    identity = reward_identity(shared, artifact)
    head = load_scalar_model(shared, ADAPTER, folder)
    try:
        with shared.using(ADAPTER):
            yield RewardModel(shared, head, RewardConfig(**lengths, principles=reads), reads, identity)
    finally:
        shared.remove_adapter(ADAPTER)


def reward_identity(shared: SharedModel, artifact: Artifact) -> dict[str, Any]:
    """The weights behind an artifact's scores, and how the base reads text.

    Raises:
        SalmonError: a file is missing.
    """
    folder = artifact.path / FOLDER
    missing = [folder / name for name in (CONFIG, WEIGHTS, HEAD_FILE) if not (folder / name).is_file()]
    if missing:
        raise SalmonError(f"{artifact.path}: {missing[0]} is missing, so it holds no reward model")
    return {
        "model": shared.identity,
        "weights": adapter_hash(folder),
        "config": artifact.manifest.get("config", {}).get("reward", {}),
    }


def score_table(
    model: RewardModel, responses: Sequence[Response], columns: Sequence[Column], batch_size: int, folder: Path
) -> np.ndarray:
    """Scores [R, C] of (prompt, response) under the guidelines of each column.

    Scores are kept in ``folder`` under a name made of all they depend on, so an interrupted run continues.

    Args:
        batch_size: inputs per forward pass.
    """
    asked = [column if model.reads_principles else () for column in columns]
    unique = list(dict.fromkeys(asked))
    key = fingerprint("scores", VERSION, {**model.identity, "responses": responses, "columns": unique}, {})

    def work(cells: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
        scores = _forward(model, [(responses[r], unique[c]) for r, c in cells], batch_size)
        return [{"response": r, "column": c, "score": s} for (r, c), s in zip(cells, scores, strict=True)]

    # All columns of a response together: what it begins with is computed once a batch.
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

    def work(numbers: Sequence[int]) -> list[dict[str, Any]]:
        scores = _forward(model, [unique[n] for n in numbers], batch_size)
        return [{"cell": n, "score": score} for n, score in zip(numbers, scores, strict=True)]

    folder.mkdir(parents=True, exist_ok=True)
    rows = map_resumable(folder / f"scores-{key}.jsonl", order, batch_size * FORWARDS_A_LINE, work, "scores")
    found = {unique[row["cell"]]: row["score"] for row in rows}
    return np.array([found[cell] for cell in asked], dtype=float)


@torch.no_grad()
def _forward(model: RewardModel, cells: Sequence[Cell], batch_size: int) -> list[float]:
    scores: list[float] = []
    for start in range(0, len(cells), batch_size):
        inputs = [model.ids(response, column) for response, column in cells[start : start + batch_size]]
        scores += score_forward(model.shared, model.head, inputs).tolist()
    return scores


def _longest_first(model: RewardModel, responses: Sequence[Response]) -> list[int]:
    """Numbers of the responses. The longest comes first, so too little memory is noticed at once."""
    tokens = [model.tokens(prompt) + model.tokens(text) for prompt, text in responses]
    return sorted(range(len(responses)), key=lambda r: (-tokens[r], r))
