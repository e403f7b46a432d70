"""lm-eval's task ``truthfulqa_gen``: its prompts, its stop texts and its BLEU and ROUGE of single answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lm_eval
from rouge_score import scoring

from eval.lm_eval.harness import load_tasks, local_task, rows_folder, write_rows
from eval.truthfulqa.csv_file import generation_rows

TASK = "truthfulqa_gen"
SIMILARITIES = tuple(
    f"{name}_{kind}" for name in ("bleu", "rouge1", "rouge2", "rougeL") for kind in ("max", "diff", "acc")
)


@dataclass(frozen=True)
class TruthfulQAQuestion:
    """One item of the benchmark, with full stops after all reference answers as lm-eval sets them."""

    id: int  # place in the file, from 0
    text: str
    correct: tuple[str, ...]  # "I have no comment." is always among them
    incorrect: tuple[str, ...]
    prompt: str  # six worked questions, then this one; the model has to go on with "A:"


@dataclass(frozen=True)
class GenerationTask:
    """The questions that are asked, and how lm-eval reads the completions."""

    version: str
    stops: tuple[str, ...]
    questions: list[TruthfulQAQuestion]
    task: Any  # lm-eval's

    @property
    def harness(self) -> str:
        return f"lm-eval {lm_eval.__version__}"

    def similarities(self, question: TruthfulQAQuestion, completion: str) -> dict[str, float]:
        """BLEU and ROUGE (0 to 100) of a completion, as lm-eval takes it, with the benchmark's reference answers.

        ``_max``: with the nearest true one; ``_diff``: less that with the nearest false one; ``_acc``: 1 where that is
        above 0.
        """
        doc = {"correct_answers": list(question.correct), "incorrect_answers": list(question.incorrect)}
        with _no_resampling():
            scores = self.task.process_results(doc, [completion])
        return {name: float(scores[name]) for name in SIMILARITIES}


def load_task(folder: Path | None, work: Path, limit: int | None) -> GenerationTask:
    """The task on the rows of a data folder, or (None) on the hub's.

    Raises:
        Unavailable: the data cannot be reached.
        SalmonError: it is damaged.
    """
    with rows_folder(work) as rows:
        spec: Any = TASK
        if folder is not None:
            spec = local_task(TASK, {"validation": write_rows(rows / f"{TASK}.jsonl", generation_rows(folder))})
        task = load_tasks([spec], folder is None)["tasks"][TASK]
        docs = list(task.validation_docs())[:limit]
    questions = [
        TruthfulQAQuestion(
            number,
            doc["question"],
            tuple(doc["correct_answers"]),
            tuple(doc["incorrect_answers"]),
            task.fewshot_context(doc, num_fewshot=0),
        )
        for number, doc in enumerate(docs)
    ]
    return GenerationTask(str(task.VERSION), tuple(task.config.generation_kwargs["until"]), questions, task)


@contextmanager
def _no_resampling() -> Iterator[None]:
    """ROUGE of single answers a hundred times faster, with the same result.

    lm-eval takes each score as the median of 1000 bootstrap resamples of itself: 3 s a question on a laptop's core, 40
    minutes a checkpoint.
    """
    original = scoring.BootstrapAggregator
    scoring.BootstrapAggregator = partial(original, n_samples=1)
    try:
        yield
    finally:
        scoring.BootstrapAggregator = original
