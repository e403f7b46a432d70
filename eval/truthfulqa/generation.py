"""TruthfulQA, generation: greedy answers to 817 questions, and whether each is true and says anything.

Prompts, stop text, BLEU and ROUGE are those of lm-eval's task ``truthfulqa_gen``. Its prompt ends with the question, so
a completion begins with "A:": lm-eval compares it as it is, judges read what comes after. All is kept by question:
``answers.jsonl``, and below ``verdicts/`` a file for each judge.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eval.benchmark_run import PolicySubject
from eval.generation.cached_answers import cached_answers
from eval.generation.greedy import before_stop, greedy_answers
from eval.provenance import Provenance
from eval.results import Row, TaskRows, Unavailable
from eval.truthfulqa.judging import Aspect, JudgedAnswer, write_verdicts
from salmon.errors import SalmonError
from salmon.models.base import SharedModel

if TYPE_CHECKING:  # lm-eval takes seconds to import
    from eval.truthfulqa.lm_eval_task import GenerationTask, TruthfulQAQuestion

TASK, DATA = "truthfulqa_gen", "truthfulqa"
TRUTHFUL, INFORMATIVE, BOTH = Aspect.truthful.value, Aspect.informative.value, "truthful_informative"


def run_truthfulqa_generation(subject: PolicySubject, work: Path) -> list[Row]:
    """Rows of the active adapter's answers; ``work`` keeps what was written, and what the judge said of it.

    Raises:
        Unavailable: the data cannot be reached.
    """
    from eval.truthfulqa.lm_eval_task import load_task

    config, judge = subject.evaluation.config, subject.evaluation.answer_judge
    task = load_task(subject.folder, work, config.limit)
    max_new_tokens = config.truthfulqa_gen.max_new_tokens
    here = subject.outputs(
        work,
        TASK,
        subject.data(DATA),
        max_new_tokens=max_new_tokens,
        harness=task.harness,
        version=task.version,
        chat_template=config.chat_template,
    )
    answers = write_truthfulqa_answers(
        subject.shared, task, here / "answers.jsonl", max_new_tokens, config.batch_size, config.chat_template
    )
    how = Provenance(
        task.harness,
        TASK,
        task.version,
        shots=0,
        chat_template=config.chat_template,
        scope=f"{len(answers)} questions",
        max_new_tokens=max_new_tokens,
        judge=None if judge is None else judge.label,
    )
    rows = TaskRows(subject.name, TASK, how)
    if judge is None:
        reason = "answers are written, not judged (kind=none)"
        return [*_unjudged(rows, reason), *similarity_rows(rows, answers)]
    asked = [
        JudgedAnswer(question.id, question.text, answer["answer"], question.correct, question.incorrect)
        for question, answer in zip(task.questions, answers, strict=True)
    ]
    files = {aspect: here / "verdicts" / f"{judge.file}_{aspect.value}.jsonl" for aspect in Aspect}
    try:
        verdicts = {aspect: write_verdicts(judge, aspect, asked, file) for aspect, file in files.items()}
    except Unavailable as reason:
        failed = rows.count("n_failed", 2 * len(answers), 2 * len(answers))
        return [*_unjudged(rows, f"answers are written, not judged: {reason}"), failed, *similarity_rows(rows, answers)]
    return [
        *truthfulness_rows(rows, verdicts[Aspect.truthful], verdicts[Aspect.informative]),
        *similarity_rows(rows, answers),
    ]


def write_truthfulqa_answers(
    shared: SharedModel, task: "GenerationTask", path: Path, max_new_tokens: int, batch_size: int, chat_template: bool
) -> list[dict[str, Any]]:
    """Answer every question that ``path`` does not have yet, with the active adapter, greedily.

    An interrupted run continues after its last whole batch.

    Raises:
        SalmonError: a prompt with its answer does not fit in the context.
    """

    def answer(batch: Sequence["TruthfulQAQuestion"]) -> list[dict[str, Any]]:
        prompts = [_prompt_ids(shared, question.prompt, chat_template) for question in batch]
        if max(map(len, prompts)) + max_new_tokens > shared.context:
            raise SalmonError(
                f"{TASK}: a prompt of {max(map(len, prompts))} tokens and eval.truthfulqa_gen.max_new_tokens="
                f"{max_new_tokens} do not fit in model.context={shared.context}"
            )
        generations = greedy_answers(shared, prompts, max_new_tokens, task.stops)
        rows = []
        for question, generation in zip(batch, generations, strict=True):
            completion = before_stop(shared.chat.decode(generation.ids), task.stops)
            rows.append(
                {
                    "id": question.id,
                    "question": question.text,
                    "prompt": question.prompt,
                    "completion": completion,
                    "answer": answer_of(completion),
                    "cut": not generation.finished,
                    "similarities": task.similarities(question, completion),
                }
            )
        return rows

    return cached_answers([task.questions], path, "id", lambda question: question.id, answer, batch_size, "answers")


def answer_of(completion: str) -> str:
    """What judges read: without the leading "A:", and without further questions that the model asks itself."""
    own = re.split(r"^[ \t]*Q:", completion, maxsplit=1, flags=re.MULTILINE)[0]
    return own.strip().removeprefix("A:").strip()


def similarity_rows(rows: TaskRows, answers: Sequence[dict[str, Any]]) -> list[Row]:
    """lm-eval's BLEU and ROUGE, and how many answers are empty or cut off; no judge has a part in them."""
    rows = TaskRows(rows.checkpoint, rows.task, Provenance(**{**vars(rows.how), "judge": None}))
    similarities = {name: [row["similarities"][name] for row in answers] for name in answers[0]["similarities"]}
    means = [
        rows.mean(name, values) if name.endswith("_acc") else rows.mean_on_scale(name, values)  # 0 to 100
        for name, values in similarities.items()
    ]
    empty, cut = sum(not row["answer"] for row in answers), sum(row["cut"] for row in answers)
    return [*means, rows.count("n_empty", empty, len(answers)), rows.count("n_cut", cut, len(answers))]


def truthfulness_rows(
    rows: TaskRows, truthful: Sequence[dict[str, Any]], informative: Sequence[dict[str, Any]]
) -> list[Row]:
    """Shares of answers that are true, that say something, and both, of those with a verdict; and the others counted.

    Args:
        truthful: verdicts on every answer, as ``write_verdicts`` keeps them.
        informative: those on the same answers.
    """
    verdicts = [*truthful, *informative]
    pairs = [(true["yes"], says["yes"]) for true, says in zip(truthful, informative, strict=True)]
    counts = {
        "n_unparsed": sum(row["yes"] is None and row["failure"] is None for row in verdicts),
        "n_failed": sum(row["failure"] is not None for row in verdicts),
        "n_off_format": sum(row["off_format"] for row in verdicts),
    }
    return [
        rows.mean(TRUTHFUL, [float(row["yes"]) for row in truthful if row["yes"] is not None]),
        rows.mean(INFORMATIVE, [float(row["yes"]) for row in informative if row["yes"] is not None]),
        rows.mean(BOTH, [float(true and says) for true, says in pairs if true is not None and says is not None]),
        *(rows.count(name, count, len(verdicts)) for name, count in counts.items()),
    ]


def _unjudged(rows: TaskRows, reason: str) -> list[Row]:
    return [
        Row(rows.checkpoint, TASK, metric, None, None, 0, f"{reason}; {rows.how.text}")
        for metric in (TRUTHFUL, INFORMATIVE, BOTH)
    ]


def _prompt_ids(shared: SharedModel, prompt: str, chat_template: bool) -> list[int]:
    return shared.chat.user_ids(prompt) if chat_template else shared.chat.with_start_token(shared.chat.encode(prompt))
