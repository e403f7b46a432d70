"""One benchmark on one checkpoint: what it is given, what it consists of, and that it is done once."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.config import EvalConfig
from eval.drawing import Selection
from eval.mt_bench.judges import RatingJudge
from eval.results import NoData, Row, Unavailable, load_rows, save_rows
from eval.sources import MINI, content_hash
from eval.truthfulqa.judging import AnswerJudge
from salmon.models.base import SharedModel
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.progress import format_duration
from salmon.runtime.store import Artifact

log = logging.getLogger("salmon")

Measurement = Callable[[], list[Row]]  # a benchmark of a reward model whose files are read already


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
    evaluation: Evaluation
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
class RewardSubject:
    """A reward model that is to be measured."""

    shared: SharedModel
    artifact: Artifact
    name: str
    config: EvalConfig
    seed: int
    work: Path


@dataclass(frozen=True)
class BenchmarkRun:
    """Some tasks that are computed together on one checkpoint."""

    name: str
    data: str  # of the data that is used, see ``PolicySubject.data``
    settings: dict[str, Any]  # that the figures depend on, besides data, weights and seed
    run: Callable[[Path], list[Row]]  # work folder -> rows
    missing: tuple[tuple[str, str], ...]  # (task, metric) of the rows to show where it cannot be done
    own_files: bool = False  # on files that the user names, whatever eval.data_dir is
    selection: Selection | None = None  # what of it is measured; None: all, or what eval.limit says
    one_process: bool = False  # asks a server, which is paid and wants its pace: only the first of several does it


def run_benchmark(
    benchmark: BenchmarkRun, name: str, config: EvalConfig, identity: dict[str, Any], work: Path
) -> list[Row]:
    """The rows of one benchmark; what was done in ``work`` with the same settings, data and weights is not redone.

    Args:
        name: of the checkpoint.
        identity: weights, and all else that every output of the checkpoint depends on.
    """
    key = {**identity, "data": benchmark.data, **benchmark.settings}
    finished = load_rows(work / f"{benchmark.name}.json", key)
    if finished is not None:
        log.info("%s: %s is done already", name, benchmark.name)
        return [replace(row, checkpoint=name) for row in finished]
    started = time.monotonic()
    try:
        rows = [_with_scope(row, config, benchmark) for row in benchmark.run(work / benchmark.name)]
    except Unavailable as reason:
        log.warning("%s: no %s: %s", name, benchmark.name, reason)
        pending = not isinstance(reason, NoData)
        return [Row(name, *figure, None, None, 0, str(reason), pending=pending) for figure in benchmark.missing]
    log.info("%s: %s in %s", name, benchmark.name, format_duration(time.monotonic() - started))
    if not any(row.lacking for row in rows):
        save_rows(work / f"{benchmark.name}.json", key, rows)
    return rows


def _with_scope(row: Row, config: EvalConfig, benchmark: BenchmarkRun) -> Row:
    """The row with its data, and with what makes it less than the whole benchmark said in its note."""
    scope, smoke_test = [], config.data_dir == MINI and not benchmark.own_files
    if smoke_test:
        scope.append("SMOKE TEST on the bundled mini set, not a benchmark")
    selection = benchmark.selection or Selection(config.limit)
    if selection.words:
        scope.append(selection.words)
    how = row.provenance
    if how is not None:
        drawn = None if selection.draw is None else selection.words
        how = replace(how, data=benchmark.data, limit=selection.limit, drawn=drawn, smoke_test=smoke_test)
    return replace(row, note="; ".join([*scope, row.note]), provenance=how)
