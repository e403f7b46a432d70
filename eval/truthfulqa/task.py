"""TruthfulQA on a checkpoint: its two multiple-choice tasks together, and generation."""

from pathlib import Path

from eval.benchmark_run import BenchmarkRun, PolicySubject
from eval.config import JudgeKind
from eval.drawing import selection_of
from eval.lm_eval import OUTPUTS
from eval.results import Row
from eval.truthfulqa.generation import BOTH, DATA, TASK, TRUTHFUL, run_truthfulqa_generation
from salmon.runtime.fingerprint import semantic

MULTIPLE_CHOICE = ("truthfulqa_mc1", "truthfulqa_mc2")


def truthfulqa_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """The multiple-choice tasks that the suite asks for, in one pass; None for none."""
    config = subject.evaluation.config
    tasks = [task for task in config.tasks if task in MULTIPLE_CHOICE]
    if not tasks:
        return None

    def run(work: Path) -> list[Row]:
        from eval.truthfulqa.choices import run_truthfulqa  # lm-eval takes seconds to import

        cache = subject.outputs(work, "truthfulqa", data) / OUTPUTS
        return run_truthfulqa(subject.shared, subject.name, tasks, config, subject.folder, work, cache)

    data = subject.data(DATA)
    selection = selection_of(config, "truthfulqa_mc")
    settings = {**selection.identity, "chat_template": config.chat_template, "tasks": tasks}
    figures = tuple((task, "acc") for task in tasks)
    return BenchmarkRun("truthfulqa", data, settings, run, figures, selection=selection)


def truthfulqa_generation_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """Answers of the active adapter, and what the run's judge says of them; None where the suite leaves it out."""
    config, judge = subject.evaluation.config, subject.evaluation.answer_judge
    if TASK not in config.tasks:
        return None
    settings = {
        "limit": config.limit,
        "chat_template": config.chat_template,
        "truthfulqa_gen": semantic(config.truthfulqa_gen),
        "judge": None if judge is None else judge.file,
    }
    return BenchmarkRun(
        TASK,
        subject.data(DATA),
        settings,
        lambda work: run_truthfulqa_generation(subject, work),
        ((TASK, TRUTHFUL), (TASK, BOTH)),
        one_process=config.truthfulqa_gen.judge.kind is JudgeKind.openai,
    )
