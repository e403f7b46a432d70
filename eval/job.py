"""One benchmark on one checkpoint, and what all benchmarks are given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.config import EvalConfig
from eval.mt_bench.judges import RatingJudge
from eval.results import Row
from eval.sources import content_hash
from eval.truthfulqa.judging import AnswerJudge
from salmon.models.base import SharedModel
from salmon.runtime.fingerprint import fingerprint


@dataclass(frozen=True)
class Evaluation:
    """What is the same for all checkpoints of a run."""

    config: EvalConfig
    judge: RatingJudge | None
    seed: int
    cache: Path  # for downloads
    answer_judge: AnswerJudge | None = None  # of TruthfulQA's answers


@dataclass(frozen=True)
class PolicySubject:
    """The checkpoint that is active on the shared base."""

    shared: SharedModel
    name: str
    run: Evaluation
    folder: Path | None  # of the data; None: the network
    identity: dict[str, Any]  # weights, prompts and seed: what every output depends on

    def data(self, folder: str) -> str:
        """16 hex digits of the content of a benchmark's data folder, or "hub"."""
        return content_hash(None if self.folder is None else self.folder / folder)

    def outputs(self, work: Path, task: str, data: str, **settings: Any) -> Path:
        """The folder below ``work`` for what these weights write on this data with these settings.

        Whatever else is changed (a judge, a limit, how an output is read), the outputs in it are used again.
        """
        return work / fingerprint(task, 1, {**self.identity, "data": data, **settings}, {})


@dataclass(frozen=True)
class BenchmarkRun:
    """Some tasks that are computed together."""

    name: str
    data: str  # of the data that is used, see ``Subject.data``
    settings: dict[str, Any]  # that the figures depend on, besides data, weights and seed
    run: Callable[[Path], list[Row]]  # work folder -> rows
    missing: tuple[tuple[str, str], ...]  # (task, metric) of the rows to show where it cannot be done
    own_files: bool = False  # on files that the user names, whatever eval.data_dir is
    one_process: bool = False  # asks a server, which is paid and wants its pace: only the first of several does it
