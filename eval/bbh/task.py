"""BIG-Bench Hard on a checkpoint."""

from pathlib import Path

from eval.bbh.answers import VERSION
from eval.benchmark_run import BenchmarkRun, PolicySubject
from eval.drawing import selection_of
from eval.lm_eval import OUTPUTS
from eval.results import Row
from salmon.runtime.fingerprint import semantic

TASK = "bbh"


def bbh_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """BIG-Bench Hard with the active adapter; None where the suite leaves it out."""
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None

    def run(work: Path) -> list[Row]:
        from eval.bbh.run import run_bbh  # lm-eval takes seconds to import

        cache = subject.outputs(work, TASK, data) / OUTPUTS
        return run_bbh(subject.shared, subject.name, config, subject.folder, work, cache)

    data = subject.data(TASK)
    selection = selection_of(config, TASK)
    settings = {
        **selection.identity,
        "chat_template": config.chat_template,
        "bbh": semantic(config.bbh),
        "answers": VERSION,
    }
    return BenchmarkRun(TASK, data, settings, run, ((f"bbh_{config.bbh.mode.value}", "accuracy"),), selection=selection)
