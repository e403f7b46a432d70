"""The training loop in several processes: one process's gradients, whatever the shares; any number can continue."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from salmon.config.training import Optimizer, OptimSettings, Schedule, SupervisedSettings
from salmon.distributed.world import World
from salmon.tracking.metrics_file import MetricsFile, read_metrics
from salmon.tracking.tracker import Tracker
from salmon.training.supervised import Objective, TrainingRun, fit
from salmon.training.trainer import Trainer
from tests.distributed.in_processes import together

pytestmark = pytest.mark.slow

Row = tuple[list[float], int]  # features and a weight ("tokens")
ROWS: list[Row] = [
    (features.tolist(), 1 + 3 * (n % 3)) for n, features in enumerate(np.random.default_rng(0).normal(size=(7, 4)))
]


def train(
    here: World, work: Path, epochs: int = 2, averaged: bool = False, rows: Sequence[Row] = ROWS
) -> tuple[list[float], dict[str, float]]:
    """Seven rows in batches of three: shares of 2 and 1, then of 1 and nothing. Returns the weights and the metrics.

    ``averaged``: as a wrapper that averages over processes would do it, each share over its own denominator.
    """
    optim = OptimSettings(
        Optimizer.adamw, lr=0.05, schedule=Schedule.constant, warmup=0.0, weight_decay=0.0, max_grad_norm=1.0
    )
    weights = nn.Parameter(torch.tensor([0.5, -1.0, 0.25, 2.0]))

    def loss(batch: Sequence[Row], denominator: float) -> tuple[Tensor, dict[str, float]]:
        features, tokens = (torch.tensor(column) for column in zip(*batch, strict=True))
        if averaged:
            denominator = float(tokens.sum()) * here.size
        return (tokens * (features @ weights - 1.0) ** 2).sum() / denominator, {"sft/tokens": float(tokens.sum())}

    fitted = fit(
        Trainer({"weights": weights}, optim),
        rows,
        SupervisedSettings(epochs=epochs, batch_size=3, micro_batch_size=2, save_every=1, optim=optim),
        Objective(loss, denominator=lambda rows: sum(weight for _, weight in rows), size=lambda row: 1),
        TrainingRun(
            "sft",
            0,
            work / "state.pt",
            4,
            Tracker("sft", MetricsFile(work) if here.rank == 0 else None, None),
            shown=["sft/loss"],
        ),
    )
    return weights.tolist(), fitted.metrics


def history(work: Path) -> list[dict[str, Any]]:
    return [{k: v for k, v in row.items() if k != "time"} for row in read_metrics(work / "metrics.jsonl")]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[float], list[dict[str, Any]]]:
    work = tmp_path_factory.mktemp("alone")
    return train(World(), work)[0], history(work)


@pytest.mark.parametrize("size", [2, 3])
def test_any_number_of_processes_trains_as_one_does(tmp_path: Path, size: int, alone: Any) -> None:
    weights, rows = alone
    found = together(size, train, tmp_path)
    assert all(result == found[0] for result in found), "all hold the same weights, to the bit"
    assert found[0][0] == pytest.approx(weights, abs=1e-6)
    assert [row["sft/tokens"] for row in rows] != [rows[0]["sft/tokens"]] * len(rows)
    for one, several in zip(rows, history(tmp_path), strict=True):
        assert several == pytest.approx(one, rel=1e-5)


def test_the_mean_over_processes_would_not(tmp_path: Path, alone: Any) -> None:
    found = together(2, train, tmp_path, 2, True)
    assert np.abs(np.array(found[0][0]) - alone[0]).max() > 1e-3


@pytest.mark.parametrize("sizes", [(1, 2), (2, 1), (3, 2)])
def test_another_number_of_processes_can_continue(tmp_path: Path, sizes: tuple[int, int], alone: Any) -> None:
    """The first epoch in some processes, the second in others."""
    for epochs, size in enumerate(sizes, start=1):
        weights = (together(size, train, tmp_path, epochs)[0] if size > 1 else train(World(), tmp_path, epochs))[0]
    assert weights == pytest.approx(alone[0], abs=1e-6)
    for one, several in zip(alone[1], history(tmp_path), strict=True):
        assert several == pytest.approx(one, rel=1e-5)


def test_fewer_rows_than_processes_are_refused(tmp_path: Path) -> None:
    found = together(2, train, tmp_path, 1, False, ROWS[:1])
    assert found == ["SalmonError: sft: 1 training rows for 2 processes. Start fewer processes, or give more rows"] * 2
