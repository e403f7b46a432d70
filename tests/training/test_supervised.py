"""The training loop of SFT and reward model: exact accumulation, exact resumption."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from salmon.config.training import Schedule, SupervisedSettings
from salmon.errors import SalmonError
from salmon.runtime.seeding import stream
from salmon.tracking.metrics_file import MetricsFile, read_metrics
from salmon.tracking.tracker import Tracker
from salmon.training.supervised import (
    EarlyStop,
    Objective,
    PeriodicMeasurement,
    TrainingResult,
    TrainingRun,
    fit,
    num_steps,
)
from salmon.training.trainer import Trainer

Row = tuple[list[float], int]  # features and a weight ("tokens")
NUMBERS = np.random.default_rng(0).normal(size=(10, 4))
ROWS: list[Row] = [(features.tolist(), 1 + n % 4) for n, features in enumerate(NUMBERS)]


def total_weight(rows: Sequence[Row]) -> int:
    return sum(weight for _, weight in rows)


def alike(row: Row) -> int:
    """Rows of one size stay in the order that is drawn."""
    return 1


class Interrupted(Exception):
    pass


class Training:
    """A run in ``work``; a second object on the same folder continues it, as a new process would."""

    def __init__(self, work: Path, optim_settings, **changes) -> None:
        self.work, self.tokens_at_once = work, 4
        work.mkdir(exist_ok=True)
        optim = optim_settings(lr=0.05, schedule=Schedule.linear, warmup=2.0)
        defaults = {"epochs": 2, "batch_size": 4, "micro_batch_size": 4, "save_every": 1}
        self.settings = SupervisedSettings(**(defaults | changes), optim=optim)
        self.weights = nn.Parameter(torch.tensor([0.5, -1.0, 0.25, 2.0]))
        self.trainer = Trainer({"weights": self.weights}, optim)
        self.seen: list[list[Row]] = []

    def loss(self, batch: Sequence[Row], denominator: float) -> tuple[Tensor, dict[str, float]]:
        self.seen.append(list(batch))
        features, weights = (torch.tensor(column) for column in zip(*batch, strict=True))
        errors = (features @ self.weights - 1.0) ** 2
        return (weights * errors).sum() / denominator, {"sft/tokens": float(weights.sum())}

    def run(self, stop_after: int | None = None, **changes) -> dict[str, float]:
        return self.fitted(stop_after, **changes).metrics

    def fitted(self, stop_after: int | None = None, **changes) -> TrainingResult:
        """Raises ``Interrupted`` in the micro-batch after ``stop_after`` others."""

        def loss(batch: Sequence[Row], denominator: float) -> tuple[Tensor, dict[str, float]]:
            if len(self.seen) == stop_after:
                raise Interrupted
            return self.loss(batch, denominator)

        tracker = Tracker("sft", MetricsFile(self.work), None)
        run = TrainingRun(
            "sft", 0, self.work / "state.pt", self.tokens_at_once, tracker, shown=["sft/loss", "optim/lr"]
        )
        objective = changes.pop("objective", Objective(loss, denominator=total_weight, size=alike))
        return fit(self.trainer, ROWS, self.settings, objective, replace(run, **changes))

    @property
    def history(self) -> list[dict]:
        return [{k: v for k, v in row.items() if k != "time"} for row in read_metrics(self.work / "metrics.jsonl")]


def test_training_ends_when_it_is_mastered_and_resumes_to_the_same_end(tmp_path: Path, optim_settings) -> None:
    """The loss halves well before 60 steps; its mean over 3 steps decides, so not a lucky step."""
    until = EarlyStop("sft/tokens", level=-0.8, steps=3)

    def trained(work: Path, stop_after: int | None = None) -> tuple[Training, TrainingResult]:
        training = Training(work, optim_settings, epochs=20)
        loss = training.loss

        def with_negative(batch, denominator):
            value, parts = loss(batch, denominator)
            return value, parts | {"sft/tokens": -value.item()}

        training.loss = with_negative
        return training, training.fitted(stop_after, early_stop=until)

    training, whole = trained(tmp_path / "whole")
    losses = [row["sft/loss"] for row in read_metrics(tmp_path / "whole/metrics.jsonl")]
    means = [np.mean(losses[n - 3 : n]) for n in range(3, len(losses) + 1)]
    assert 3 < whole.steps == len(losses) < 60 and means[-1] <= 0.8 < min(means[:-1])
    with pytest.raises(Interrupted):
        trained(tmp_path / "cut", stop_after=whole.steps - 1)
    again, resumed = trained(tmp_path / "cut")
    assert resumed.steps == whole.steps and torch.equal(again.weights, training.weights)
    third, finished = trained(tmp_path / "cut")  # what came after it in the metrics stays
    assert finished == resumed and third.seen == [] and torch.equal(third.weights, training.weights)


def test_num_steps() -> None:
    settings = SupervisedSettings(epochs=3, batch_size=4)
    assert (num_steps(8, settings), num_steps(9, settings), num_steps(1, settings)) == (6, 9, 3)


def test_every_row_is_seen_once_an_epoch_in_an_order_of_its_own(tmp_path: Path, optim_settings) -> None:
    training = Training(tmp_path, optim_settings)
    training.run()
    assert [len(batch) for batch in training.seen] == [4, 4, 2] * 2
    epochs = [[row for batch in training.seen[start : start + 3] for row in batch] for start in (0, 3)]
    for epoch in epochs:
        assert sorted(epoch) == sorted(ROWS) and epoch != ROWS
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("micro_batch_size", [1, 2, 3, "auto"])
def test_accumulated_gradients_equal_the_large_batch(
    tmp_path: Path, optim_settings, micro_batch_size: int | str
) -> None:
    large = Training(tmp_path / "large", optim_settings)
    small = Training(tmp_path / "small", optim_settings, micro_batch_size=micro_batch_size)
    small.tokens_at_once = 3  # of rows of one token each
    large.run()
    small.run()
    assert len(small.seen) > len(large.seen)
    assert (small.weights - large.weights).abs().max() < 1e-6
    for one, two in zip(small.history, large.history, strict=True):
        assert one == pytest.approx(two, rel=1e-5)


def test_auto_takes_rows_by_their_tokens(tmp_path: Path, optim_settings) -> None:
    """At most 4 tokens at once, and rows of a batch in the order of their sizes."""
    training = Training(tmp_path, optim_settings, micro_batch_size="auto", epochs=1)
    training.run(objective=Objective(training.loss, denominator=total_weight, size=lambda row: row[1]))
    sizes = [[weight for _, weight in batch] for batch in training.seen]
    assert all(sum(found) <= 4 for found in sizes) and max(map(len, sizes)) > 1
    order = stream(0, "sft", "order", 0).permutation(len(ROWS))
    for start in (0, 4, 8):
        drawn = sorted(ROWS[i][1] for i in order[start : start + 4])
        taken, sizes = [], list(sizes)
        while len(taken) < len(drawn):
            taken += sizes.pop(0)
        assert taken == drawn


def test_the_mean_of_micro_batch_means_would_not(tmp_path: Path, optim_settings) -> None:
    """The mutant: each micro-batch over its own denominator."""
    large = Training(tmp_path / "large", optim_settings)
    large.run()
    mutant = Training(tmp_path / "mutant", optim_settings, micro_batch_size=3)

    def own_mean(batch: Sequence[Row], denominator: float) -> tuple[Tensor, dict[str, float]]:
        return mutant.loss(batch, sum(row[1] for row in batch))

    mutant.run(objective=Objective(own_mean, denominator=total_weight, size=alike))
    assert (mutant.weights - large.weights).abs().max() > 1e-4


def test_the_loss_is_per_weight(tmp_path: Path, optim_settings) -> None:
    """The first step's logged loss is the weighted mean over its rows under the first weights."""
    training = Training(tmp_path, optim_settings, micro_batch_size=1)
    training.run()
    first = [batch[0] for batch in training.seen[:4]]
    start = np.array([0.5, -1.0, 0.25, 2.0])
    errors = [(np.dot(features, start) - 1) ** 2 for features, _ in first]
    expected = np.average(errors, weights=[weight for _, weight in first])
    assert training.history[0]["sft/loss"] == pytest.approx(expected, rel=1e-5)
    assert training.history[0]["sft/tokens"] == sum(weight for _, weight in first)


@pytest.mark.parametrize("save_every", [1, 2, 4])
def test_an_interrupted_run_continues_to_the_bit(tmp_path: Path, optim_settings, save_every: int) -> None:
    """Stopped in each of the 12 micro-batches in turn: between steps, and in the middle of one."""
    changes = {"micro_batch_size": 2, "save_every": save_every}
    whole = Training(tmp_path / "whole", optim_settings, **changes)
    expected = whole.run()
    assert len(whole.seen) == 10
    for stop_after in range(10):
        work = tmp_path / f"stopped-{stop_after}"
        with pytest.raises(Interrupted):
            Training(work, optim_settings, **changes).run(stop_after)
        again = Training(work, optim_settings, **changes)
        assert again.run() == expected
        assert torch.equal(again.weights, whole.weights)
        assert again.history == whole.history
        assert [row["step"] for row in again.history] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("kept", [0, 2, 4], ids=["none", "before both states", "before the last state"])
def test_a_state_ahead_of_a_damaged_record_is_not_used(tmp_path: Path, optim_settings, caplog, kept: int) -> None:
    """States of steps 3 and 4 are there, and some of the lines of metrics.jsonl."""
    whole = Training(tmp_path / "whole", optim_settings)
    expected = whole.run()
    with pytest.raises(Interrupted):
        Training(tmp_path / "work", optim_settings).run(stop_after=4)
    record = tmp_path / "work" / "metrics.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join([*lines[: kept - 1], b"\0\0\0\n", *lines[kept:]]) if kept else b"")
    MetricsFile(tmp_path / "work").recover()
    again = Training(tmp_path / "work", optim_settings)
    assert again.run() == expected
    assert torch.equal(again.weights, whole.weights) and again.history == whole.history
    assert "metrics.jsonl does not reach as far as it does" in caplog.text


def test_a_run_can_be_interrupted_more_than_once(tmp_path: Path, optim_settings) -> None:
    whole = Training(tmp_path / "whole", optim_settings)
    whole.run()
    for _ in range(5):
        with pytest.raises(Interrupted):
            Training(tmp_path / "work", optim_settings).run(stop_after=1)
    last = Training(tmp_path / "work", optim_settings)
    last.run()
    assert len(last.seen) == 1  # five of six steps were kept
    assert torch.equal(last.weights, whole.weights) and last.history == whole.history


def test_a_finished_run_is_not_trained_again(tmp_path: Path, optim_settings) -> None:
    first = Training(tmp_path, optim_settings)
    expected = first.run()
    again = Training(tmp_path, optim_settings)
    assert again.run() == expected
    assert again.seen == [] and torch.equal(again.weights, first.weights)
    assert [row["step"] for row in again.history] == [1, 2, 3, 4, 5, 6]


def test_a_finished_training_leaves_what_later_ones_have_logged(tmp_path: Path, optim_settings) -> None:
    """The main training is interrupted; the next try goes through the finished pre-training first."""
    Training(tmp_path, optim_settings).run()
    later = MetricsFile(tmp_path)
    for step in (7, 8):
        later.append(step, {"sft/loss": 9.0})
    again = Training(tmp_path, optim_settings)
    again.run()
    assert [row["step"] for row in again.history] == [1, 2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("save_every", [4, 100])
def test_the_last_step_is_saved_whatever_save_every_is(tmp_path: Path, optim_settings, save_every: int) -> None:
    first = Training(tmp_path, optim_settings, save_every=save_every)
    expected = first.run()
    assert len(first.history) % save_every
    again = Training(tmp_path, optim_settings, save_every=save_every)
    assert again.run() == expected
    assert again.seen == [] and torch.equal(again.weights, first.weights)


def test_steps_continue_after_those_of_an_earlier_training(tmp_path: Path, optim_settings) -> None:
    """Pre-training has logged steps 1 to 3; the main training is interrupted and continued after them."""
    earlier = MetricsFile(tmp_path)
    for step in (1, 2, 3):
        earlier.append(step, {"sft/loss": 9.0})
    with pytest.raises(Interrupted):
        Training(tmp_path, optim_settings, save_every=2).run(stop_after=3, first_step=3)
    training = Training(tmp_path, optim_settings, save_every=2)
    training.run(first_step=3)
    assert [row["step"] for row in training.history] == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert [row["sft/loss"] == 9.0 for row in training.history] == [True] * 3 + [False] * 6
    rates = [row["optim/lr"] for row in training.history[3:]]
    assert rates == pytest.approx([0.025, 0.05, 0.05, 0.0375, 0.025, 0.0125])  # warm-up of 2, then linear over 4


def test_a_loss_that_is_not_finite_stops_at_its_step(tmp_path: Path, optim_settings) -> None:
    training = Training(tmp_path, optim_settings)

    def broken(batch: Sequence[Row], denominator: float) -> tuple[Tensor, dict[str, float]]:
        value, metrics = training.loss(batch, denominator)
        return value * (float("nan") if len(training.seen) == 3 else 1.0), metrics

    with pytest.raises(SalmonError, match="step 3: loss is nan"):
        training.run(objective=Objective(broken, denominator=total_weight, size=alike))
    assert [row["step"] for row in training.history] == [1, 2]


def test_progress_is_logged_for_each_step(tmp_path: Path, optim_settings, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="salmon"):
        Training(tmp_path, optim_settings).run()
    lines = [line for line in caplog.messages if line.startswith("sft steps")]
    assert len(lines) == 6 and "loss" in lines[0] and "lr" in lines[0]


def test_measurements_are_logged_with_their_steps_and_change_nothing(tmp_path, optim_settings) -> None:
    plain, measured = Training(tmp_path / "a", optim_settings), Training(tmp_path / "b", optim_settings)
    plain.run()
    taken = iter(range(9))
    last = measured.fitted(measurement=PeriodicMeasurement(lambda: {"sft/tokens": float(next(taken))}, 2), first_step=3)
    assert torch.equal(plain.weights, measured.weights)
    tokens = [[row["sft/tokens"] for row in run.history] for run in (plain, measured)]
    assert tokens[1] == [0.0, tokens[0][1], 1.0, tokens[0][3], 2.0, tokens[0][5]]  # steps 4 to 9; at 4, 6 and 8
    assert last.metrics["sft/tokens"] == tokens[0][5]
