"""Supervised training over rows (SFT, reward model, DPO): one loop, resumable to the bit."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from torch import Tensor

from salmon.config.training import MicroBatchSize, SupervisedSettings
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.runtime.health import require_finite
from salmon.runtime.micro_batches import micro_batches
from salmon.runtime.progress import Progress
from salmon.runtime.seeding import stream
from salmon.tracking.tracker import Tracker
from salmon.training.trainer import Trainer

log = logging.getLogger("salmon")

T = TypeVar("T")
D = TypeVar("D")


@dataclass(frozen=True)
class Objective(Generic[T, D]):
    """What a training minimises.

    Attributes:
        loss: of a micro-batch and the denominator of its batch: the *sum* of its rows' losses over the denominator,
            and metrics likewise. So micro-batches, and the processes' shards, add up to the loss of the whole batch
            exactly.
        denominator: of a whole batch: what its sums are divided by (its answers' tokens for SFT, its pairs for DPO),
            or several such counts.
        size: of a row, in tokens: rows of about the same size share a micro-batch.
    """

    loss: Callable[[Sequence[T], D], tuple[Tensor, Mapping[str, float]]]
    denominator: Callable[[Sequence[T]], D]
    size: Callable[[T], int]


@dataclass(frozen=True)
class EarlyStop:
    """Ends a training when the mean of a metric over the last ``steps`` steps reaches ``level``."""

    metric: str
    level: float
    steps: int = 20

    def reached(self, values: Sequence[float]) -> bool:
        """Whether the metric's latest values are good enough."""
        return len(values) >= self.steps and sum(values[-self.steps :]) / self.steps >= self.level


@dataclass(frozen=True)
class PeriodicMeasurement:
    """Figures that are taken of a model while it is trained, and logged with the step's own."""

    take: Callable[[], Mapping[str, float]]
    every: int  # steps of the stage


@dataclass(frozen=True)
class TrainingRun:
    """One training of a stage: its name, and what accompanies its steps."""

    name: str  # prefix of the metrics
    seed: int
    checkpoint: Path  # file with the state of an interrupted run
    tokens_at_once: int  # of a micro-batch whose size is auto
    tracker: Tracker
    shown: Sequence[str]  # metrics on the progress line
    first_step: int = 0  # steps that the stage logged before this training
    early_stop: EarlyStop | None = None
    measurement: PeriodicMeasurement | None = None


@dataclass(frozen=True)
class TrainingResult:
    """A finished training."""

    metrics: dict[str, float]  # of its last step
    steps: int  # optimiser steps


def fit(
    trainer: Trainer, rows: Sequence[T], settings: SupervisedSettings, objective: Objective[T, D], run: TrainingRun
) -> TrainingResult:
    """Train over ``rows``, ``settings.epochs`` times or until the early stop; continues what was interrupted.

    Raises:
        SalmonError: there are fewer rows than processes; a loss or a gradient is not finite.
    """
    here, name = world(), run.name
    if len(rows) < here.size:
        raise SalmonError(
            f"{name}: {len(rows)} training rows for {here.size} processes. Start fewer processes, or give more rows"
        )
    steps_per_epoch = math.ceil(len(rows) / settings.batch_size)
    total = num_steps(len(rows), settings)
    extras = trainer.load(run.checkpoint, lambda saved: run.tracker.reaches(run.first_step + saved["step"]))
    done, metrics, recent = (extras["step"], extras["metrics"], extras.get("recent", [])) if extras else (0, {}, [])
    stop = run.early_stop
    if stop and stop.reached(recent):
        return TrainingResult(metrics, done)
    if done < total:
        run.tracker.rewind(run.first_step + done)
    progress = Progress(total, f"{name} steps", start=done)
    for step in range(done, total):
        number = run.first_step + step + 1
        # 1. The step's batch, in an order shuffled anew each epoch.
        epoch, position = divmod(step, steps_per_epoch)
        order = stream(run.seed, name, "order", epoch).permutation(len(rows))
        selected = order[position * settings.batch_size : (position + 1) * settings.batch_size]
        batch = sorted((rows[i] for i in selected), key=objective.size)
        # 2. Gradients of this process's shard, micro-batch by micro-batch.
        sums = here.all_reduce_sum(_backward(batch, settings.micro_batch_size, objective, run))
        require_finite(number, loss=sums[f"{name}/loss"])
        # 3. Update.
        metrics = sums | trainer.step(number, step, total).metrics()
        # 4. Report.
        due = run.measurement is not None and number % run.measurement.every == 0
        run.tracker.log(number, {**metrics, **(run.measurement.take() if run.measurement and due else {})})
        progress.advance(1, **{key.rpartition("/")[2]: metrics[key] for key in run.shown})
        # 5. Save what is needed to continue; stop early where that is reached.
        recent = [*recent, metrics[stop.metric]][-stop.steps :] if stop else []
        enough = stop is not None and stop.reached(recent)
        if (step + 1) % settings.save_every == 0 or step + 1 == total or enough:
            trainer.save(run.checkpoint, step=step + 1, metrics=metrics, recent=recent)
        if enough:
            log.info("%s: enough after %d of %d steps", name, step + 1, total)
            return TrainingResult(metrics, step + 1)
    return TrainingResult(metrics, total)


def _backward(
    batch: Sequence[T], size: MicroBatchSize, objective: Objective[T, D], run: TrainingRun
) -> dict[str, float]:
    """Accumulate the gradients of this process's shard of a batch; its part of the loss and of the metrics."""
    denominator = objective.denominator(batch)
    shard, sums = world().shard(batch), dict[str, float]()
    for places in micro_batches([objective.size(row) for row in shard], size, run.tokens_at_once):
        value, parts = objective.loss(shard[places.start : places.stop], denominator)
        value.backward()
        for key, part in {f"{run.name}/loss": value.item(), **parts}.items():
            sums[key] = sums.get(key, 0.0) + part
    return sums


def num_steps(num_rows: int, settings: SupervisedSettings) -> int:
    """Optimiser steps of a whole training; an epoch's last batch may be smaller."""
    return settings.epochs * math.ceil(num_rows / settings.batch_size)
