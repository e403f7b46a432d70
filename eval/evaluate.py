"""All benchmarks of one checkpoint, each done once, none able to stop the others."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.benchmarks import BENCHMARKS
from eval.checkpoints import adapter_hash
from eval.config import EvalConfig
from eval.job import BenchmarkRun, Evaluation, PolicySubject
from eval.results import Row, Unavailable, load_rows, save_rows
from eval.sources import MINI, data_folder
from salmon.models.base import SharedModel
from salmon.runtime.adapter_files import read_config
from salmon.runtime.progress import format_duration

log = logging.getLogger("salmon")

ADAPTER = "evaluated"  # name on the shared base (PEFT cannot take "eval", a method of modules)


def every_benchmark(job: BenchmarkRun) -> bool:
    return True


def evaluate_checkpoint(
    shared: SharedModel,
    adapter: Path | None,
    name: str,
    evaluation: Evaluation,
    work: Path,
    wanted: Callable[[BenchmarkRun], bool] = every_benchmark,
) -> list[Row]:
    """Every task of ``evaluation.config`` on one checkpoint.

    Finished tasks in ``work`` that were made with the same settings, data and weights are not redone.

    Args:
        adapter: PEFT folder; None evaluates the plain base.
        name: of the checkpoint in rows and files.
        work: folder of this checkpoint's answers, samples and finished tasks.
        wanted: which jobs to do.
    """
    identity = {
        "base": shared.path,
        "adapter": adapter_hash(adapter),
        "seed": evaluation.seed,
        "system_prompt": shared.chat.system_prompt,
        "context": shared.context,
    }
    subject = PolicySubject(shared, name, evaluation, data_folder(evaluation.config.data_dir), identity)
    if adapter is not None:
        shared.load_adapter(ADAPTER, adapter)
    try:
        with shared.using(None if adapter is None else ADAPTER):
            note = _of_another_base(shared, adapter)
            jobs = [job for benchmark in BENCHMARKS if (job := benchmark(subject)) is not None]
            rows = [
                row
                for job in jobs
                if wanted(job)
                for row in run_benchmark(job, name, evaluation.config, identity, work)
            ]
            return [replace(row, note=f"{note}{row.note}") for row in rows]
    finally:
        if adapter is not None:
            shared.remove_adapter(ADAPTER)


def _of_another_base(shared: SharedModel, adapter: Path | None) -> str:
    """A note on an adapter that fits the base but says that it was made for another; empty where all is well."""
    made_for = None if adapter is None else read_config(adapter).get("base_model_name_or_path")
    return f"MADE FOR ANOTHER BASE, {made_for}; " if made_for and made_for != shared.path else ""


def run_benchmark(job: BenchmarkRun, name: str, config: EvalConfig, identity: dict[str, Any], work: Path) -> list[Row]:
    """The rows of one job on checkpoint ``name``; where it was done in ``work`` with the same key, not done again.

    Args:
        identity: weights, and all else that every output of the checkpoint depends on.
    """
    key = {**identity, "data": job.data, **job.settings}
    finished = load_rows(work / f"{job.name}.json", key)
    if finished is not None:
        log.info("%s: %s is done already", name, job.name)
        return [replace(row, checkpoint=name) for row in finished]
    started = time.monotonic()
    try:
        rows = [_with_scope(row, config, job) for row in job.run(work / job.name)]
    except Unavailable as reason:
        log.warning("%s: no %s: %s", name, job.name, reason)
        return [Row(name, task, metric, None, None, 0, str(reason)) for task, metric in job.missing]
    log.info("%s: %s in %s", name, job.name, format_duration(time.monotonic() - started))
    if not any(row.metric == "n_failed" and row.value for row in rows):  # failed calls are tried again next time
        save_rows(work / f"{job.name}.json", key, rows)
    return rows


def _with_scope(row: Row, config: EvalConfig, job: BenchmarkRun) -> Row:
    """The row with its data, and with what makes it less than the whole benchmark said in its note."""
    scope, smoke_test = [], config.data_dir == MINI and not job.own_files
    if smoke_test:
        scope.append("SMOKE TEST on the bundled mini set, not a benchmark")
    if config.limit is not None:
        scope.append(f"LIMITED to the first {config.limit} items of each task")
    how = row.provenance
    if how is not None:
        how = replace(how, data=job.data, limit=config.limit, smoke_test=smoke_test)
    return replace(row, note="; ".join([*scope, row.note]), provenance=how)
