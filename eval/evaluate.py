"""All benchmarks of one checkpoint, each done once, none able to stop the others."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from eval.benchmark_run import BenchmarkRun, Evaluation, PolicySubject, run_benchmark
from eval.benchmarks import OF_POLICIES
from eval.checkpoints import adapter_hash
from eval.results import Row
from eval.sources import data_folder
from salmon.models.base import SharedModel
from salmon.models.weights import same_base
from salmon.runtime.adapter_files import read_config

ADAPTER = "evaluated"  # name on the shared base (PEFT cannot take "eval", a method of modules)


def every_benchmark(benchmark: BenchmarkRun) -> bool:
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
        wanted: which benchmarks to do.
    """
    identity = {"model": shared.identity, "adapter": adapter_hash(adapter), "seed": evaluation.seed}
    subject = PolicySubject(shared, name, evaluation, data_folder(evaluation.config.data_dir), identity)
    if adapter is not None:
        shared.load_adapter(ADAPTER, adapter)
    try:
        with shared.using(None if adapter is None else ADAPTER):
            note = _of_another_base(shared, adapter)
            benchmarks = [benchmark for make in OF_POLICIES if (benchmark := make(subject)) is not None]
            rows = [
                row
                for benchmark in filter(wanted, benchmarks)
                for row in run_benchmark(benchmark, name, evaluation.config, identity, work)
            ]
            return [replace(row, note=f"{note}{row.note}") for row in rows]
    finally:
        if adapter is not None:
            shared.remove_adapter(ADAPTER)


def _of_another_base(shared: SharedModel, adapter: Path | None) -> str:
    """A note on an adapter that fits the base but says that it was made for another; empty where all is well."""
    made_for = None if adapter is None else read_config(adapter).get("base_model_name_or_path")
    other = made_for and not same_base(made_for, shared.path)
    return f"MADE FOR ANOTHER BASE, {made_for}; " if other else ""
