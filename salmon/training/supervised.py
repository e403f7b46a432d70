"""Ordinary training over rows (SFT, reward model): one loop, resumable to the bit."""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Tensor

from salmon.config.training import SupervisedSettings
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.runtime.health import require_finite
from salmon.runtime.progress import Progress
from salmon.runtime.seeding import stream
from salmon.tracking.tracker import Tracker
from salmon.training.optimizer import Learner

log = logging.getLogger("salmon")

T = TypeVar("T")


@dataclass(frozen=True)
class Mastery:
    """Ends a training early: when the mean of a metric over the last ``steps`` steps reaches ``level``."""

    metric: str
    level: float
    steps: int = 20

    def reached(self, values: Sequence[float]) -> bool:
        return len(values) >= self.steps and sum(values[-self.steps :]) / self.steps >= self.level


@dataclass(frozen=True)
class Measurement:
    """Figures that are taken of a model while it is trained, and logged with the step's own."""

    take: Callable[[], Mapping[str, float]]
    every: int  # steps of the stage


@dataclass(frozen=True)
class Fitted:
    """A finished training."""

    metrics: dict[str, float]  # of its last step
    steps: int  # optimiser steps


def fit(
    learner: Learner,
    rows: Sequence[T],
    settings: SupervisedSettings,
    *,
    loss: Callable[[Sequence[T], float], tuple[Tensor, Mapping[str, float]]],
    weight: Callable[[T], float],
    checkpoint: Path,
    tracker: Tracker,
    name: str,
    seed: int,
    shown: Sequence[str],
    first_step: int = 0,
    until: Mastery | None = None,
    measurement: Measurement | None = None,
) -> Fitted:
    """Train over ``rows``, ``settings.epochs`` times or until something is mastered.

    Args:
        loss: of a micro-batch and a denominator: the *sum* of its rows' losses over the denominator, and
            metrics likewise, so that micro-batches and processes' shares add up to the large batch exactly.
        weight: what a row adds to the denominator (tokens for SFT, 1 for pairs).
        checkpoint: file that holds the state of an interrupted run.
        name: prefix of the metrics and of the random streams.
        shown: metrics on the progress line.
        first_step: steps that the stage logged before this training.
        until: what ends the training earlier.
        measurement: what is measured on the way.
    """
    here = world()
    if len(rows) < here.size:
        raise SalmonError(
            f"{name}: {len(rows)} training rows for {here.size} processes. Start fewer processes, or give more rows"
        )
    steps_per_epoch = math.ceil(len(rows) / settings.batch_size)
    total = num_steps(len(rows), settings)
    extras = learner.load(checkpoint)
    done, metrics, seen = (extras["step"], extras["metrics"], extras.get("seen", [])) if extras else (0, {}, [])
    if until and until.reached(seen):
        return Fitted(metrics, done)
    if done < total:
        tracker.rewind(first_step + done)
    progress = Progress(total, f"{name} steps", start=done)
    for step in range(done, total):
        epoch, position = divmod(step, steps_per_epoch)
        order = stream(seed, name, "order", epoch).permutation(len(rows))
        chosen = order[position * settings.batch_size : (position + 1) * settings.batch_size]
        batch = [rows[i] for i in chosen]
        denominator = sum(map(weight, batch))
        share, sums = here.shard(batch), dict[str, float]()
        for start in range(0, len(share), settings.micro_batch_size):
            value, parts = loss(share[start : start + settings.micro_batch_size], denominator)
            value.backward()
            for key, part in {f"{name}/loss": value.item(), **parts}.items():
                sums[key] = sums.get(key, 0.0) + part
        sums = here.all_reduce_sum(sums)
        require_finite(first_step + step + 1, loss=sums[f"{name}/loss"])
        metrics = sums | learner.step(first_step + step + 1, step, total).metrics()
        due = measurement is not None and (first_step + step + 1) % measurement.every == 0
        tracker.log(first_step + step + 1, {**metrics, **(measurement.take() if measurement and due else {})})
        progress.advance(1, **{key.rpartition("/")[2]: metrics[key] for key in shown})
        seen = [*seen, metrics[until.metric]][-until.steps :] if until else []
        enough = until is not None and until.reached(seen)
        if (step + 1) % settings.save_every == 0 or step + 1 == total or enough:
            learner.save(checkpoint, step=step + 1, metrics=metrics, seen=seen)
        if enough:
            log.info("%s: enough after %d of %d steps", name, step + 1, total)
            return Fitted(metrics, step + 1)
    return Fitted(metrics, total)


def num_steps(num_rows: int, settings: SupervisedSettings) -> int:
    """Optimiser steps of a whole training; an epoch's last batch may be smaller."""
    return settings.epochs * math.ceil(num_rows / settings.batch_size)
