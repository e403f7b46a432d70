"""TyDiQA with the gold passage, one worked example: F1 and exact match of short answers in nine languages.

Prompts, the stop text and both metrics are those of lm-eval's tasks ``tydiqa_goldp_<language>``; the example is the
first training row of the language, for every question (lm-eval would draw one at random for each), so that what all
prompts of a language begin with is computed once a batch. The figure of the whole is the mean over languages.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.benchmark_run import BenchmarkRun, PolicySubject
from eval.config import TYDIQA_LANGUAGES, EvalConfig
from eval.generation.cached_answers import cached_answers
from eval.generation.greedy import before_stop, greedy_answers
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from eval.tydiqa.data import LanguageData, tydiqa_data
from salmon.errors import SalmonError
from salmon.runtime.fingerprint import semantic

if TYPE_CHECKING:
    from lm_eval.api.task import Task

    from eval.lm_eval.model import PrefixLM


TASK, METRIC, FOLDER = "tydiqa_goldp", "f1", "tydiqa"
METRICS = (METRIC, "exact_match")
SHOTS = 1
CODES = {
    "arabic": "ar",
    "bengali": "bn",
    "english": "en",
    "finnish": "fi",
    "indonesian": "id",
    "korean": "ko",
    "russian": "ru",
    "swahili": "sw",
    "telugu": "te",
}  # in the names of lm-eval's tasks


@dataclass(frozen=True)
class TyDiQAQuestion:
    """One question as it is asked."""

    id: str
    language: str
    prompt: str  # the worked example, the passage, the question
    stops: list[str]
    task: "Task"  # lm-eval's, which scores the answer
    doc: dict[str, Any]  # lm-eval's row


def tydiqa_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """TyDiQA with the active adapter; None where the suite leaves it out."""
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None
    settings = {"limit": config.limit, "chat_template": config.chat_template, "tydiqa": semantic(config.tydiqa)}
    return BenchmarkRun(TASK, subject.data(FOLDER), settings, lambda work: run_tydiqa(subject, work), ((TASK, METRIC),))


def run_tydiqa(subject: PolicySubject, work: Path) -> list[Row]:
    """Rows of TyDiQA with the active adapter; ``work`` keeps every prompt, what was written, and its scores.

    Raises:
        Unavailable: the data cannot be reached.
        SalmonError: the data are damaged, or answers of this length leave no room for a prompt.
    """
    import lm_eval  # takes seconds

    from eval.lm_eval.model import PrefixLM

    config, settings = subject.evaluation.config, subject.evaluation.config.tydiqa
    if settings.max_new_tokens >= subject.shared.context:
        raise SalmonError(
            f"eval.tydiqa.max_new_tokens={settings.max_new_tokens} leaves no room for a prompt in "
            f"model.context={subject.shared.context}"
        )
    data = tydiqa_data(subject.folder, settings.languages)
    work = subject.outputs(
        work,
        TASK,
        subject.data(FOLDER),
        max_new_tokens=settings.max_new_tokens,
        chat_template=config.chat_template,
        lm_eval=lm_eval.__version__,
    )
    lm = PrefixLM(subject.shared, config.batch_size)
    questions, version = tydiqa_questions(lm, data, config, work)
    answers = answer_questions(lm, questions, work / "answers.jsonl", settings.max_new_tokens, config.batch_size)
    how = Provenance(
        harness=f"lm-eval {lm_eval.__version__}",
        task=TASK,
        task_version=version,
        shots=SHOTS,
        chat_template=config.chat_template,
        scope=f"{len(data)} of {len(TYDIQA_LANGUAGES)} languages",
        max_new_tokens=settings.max_new_tokens,
    )
    return language_rows(TaskRows(subject.name, TASK, how), answers)


def tydiqa_questions(
    lm: "PrefixLM", data: dict[str, LanguageData], config: EvalConfig, work: Path
) -> tuple[list[TyDiQAQuestion], str]:
    """The questions as lm-eval asks them, language by language, and the version of its tasks."""
    from eval.lm_eval.harness import load_tasks, local_task, rows_folder, write_rows

    system = (lm.shared.chat.system_prompt or None) if config.chat_template else None
    questions, version = [], ""
    with rows_folder(work) as rows:
        for language, found in data.items():
            files = {
                "train": write_rows(rows / f"{language}_train.jsonl", [found.example]),
                "validation": write_rows(rows / f"{language}.jsonl", found.questions[: config.limit]),
            }
            spec = local_task(f"{TASK}_{CODES[language]}", files)
            (task,) = load_tasks([{**spec, "num_fewshot": SHOTS}], False, (FOLDER,))["tasks"].values()
            version = str(task.VERSION)
            for doc in task.eval_docs:
                prompt = task.fewshot_context(
                    doc,
                    SHOTS,
                    system_instruction=system,
                    apply_chat_template=config.chat_template,
                    fewshot_as_multiturn=True,
                    chat_template=lm.apply_chat_template,
                )
                stops = task.config.generation_kwargs["until"]
                questions.append(TyDiQAQuestion(doc["id"], language, prompt, stops, task, dict(doc)))
    return questions, version


def answer_questions(
    lm: "PrefixLM", questions: Sequence[TyDiQAQuestion], path: Path, max_new_tokens: int, batch_size: int
) -> list[dict[str, Any]]:
    """Answer every question that ``path`` does not have yet, with the active adapter, greedily; rows of the file.

    An interrupted run continues after its last whole batch. Of a prompt that is too long the beginning is
    cut, the worked example first, as lm-eval does; ``cut_tokens`` says how much.
    """

    def answered(batch: Sequence[TyDiQAQuestion]) -> list[dict[str, Any]]:
        whole = [lm.tok_encode(question.prompt) for question in batch]
        prompts = [ids[-(lm.shared.context - max_new_tokens) :] for ids in whole]
        generations = greedy_answers(lm.shared, prompts, max_new_tokens, batch[0].stops)
        texts = [lm.shared.chat.decode(generation.ids) for generation in generations]
        rows = []
        for question, raw, ids, prompt in zip(batch, texts, whole, prompts, strict=True):
            text = before_stop(raw, question.stops).strip()
            scores = question.task.process_results(question.doc, [text])
            rows.append(
                {
                    "id": question.id,
                    "language": question.language,
                    "prompt": question.prompt,
                    "raw": raw,
                    "answer": text,
                    "gold": question.doc["answers"],
                    "cut_tokens": len(ids) - len(prompt),
                    **{metric: float(scores[metric]) for metric in METRICS},
                }
            )
        return rows

    # A batch is of one language: its prompts share their worked example.
    groups = [list(group) for _, group in groupby(questions, key=lambda question: question.language)]
    return cached_answers(groups, path, "id", lambda question: question.id, answered, batch_size, "answers")


def language_rows(rows: TaskRows, answers: Sequence[dict[str, Any]]) -> list[Row]:
    """Each metric as a mean over languages, then by language; what was cut or left empty is counted."""
    languages = list(dict.fromkeys(answer["language"] for answer in answers))
    parts = {
        metric: [
            rows.mean(f"{metric}/{language}", [a[metric] for a in answers if a["language"] == language])
            for language in languages
        ]
        for metric in METRICS
    }
    return [
        *(rows.mean_of_parts(metric, parts[metric]) for metric in METRICS),
        rows.count("n_empty", sum(not answer["answer"] for answer in answers), len(answers)),
        rows.count("n_cut", sum(answer["cut_tokens"] > 0 for answer in answers), len(answers)),
        *(row for metric in METRICS for row in parts[metric]),
    ]
