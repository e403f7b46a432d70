"""What reward models are measured by: each benchmark reads its files at once, and computes when it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eval.config import EvalConfig
from eval.evaluate import run_benchmark
from eval.pairs import TASK as PAIRS
from eval.pairs.task import reward_job
from eval.principle_following import TASK as PRINCIPLE_FOLLOWING
from eval.principle_following.scoring import reward_identity
from eval.principle_following.task import evaluate_reward_model, read_inputs
from eval.results import Row
from salmon.models.base import SharedModel
from salmon.runtime.store import Artifact

Measurement = Callable[[], list[Row]]


@dataclass(frozen=True)
class RewardSubject:
    """A reward model that is to be measured."""

    shared: SharedModel
    artifact: Artifact
    name: str
    config: EvalConfig
    seed: int
    work: Path


def principle_following(subject: RewardSubject) -> Measurement | None:
    if PRINCIPLE_FOLLOWING not in subject.config.tasks:
        return None
    settings = subject.config.principle_following
    inputs = read_inputs(settings, subject.artifact)
    return lambda: evaluate_reward_model(
        subject.shared, subject.artifact, subject.name, settings, inputs, subject.seed, subject.work
    )


def pairs(subject: RewardSubject) -> Measurement | None:
    if PAIRS not in subject.config.tasks:
        return None
    job = reward_job(subject.shared, subject.artifact, subject.name, subject.config)
    return lambda: run_benchmark(
        job, subject.name, subject.config, reward_identity(subject.shared, subject.artifact), subject.work
    )


def measurements(subject: RewardSubject) -> list[Measurement]:
    """Those that the suite asks for.

    Raises:
        SalmonError: a file is missing or malformed.
    """
    found = (benchmark(subject) for benchmark in (principle_following, pairs))
    return [measurement for measurement in found if measurement is not None]
