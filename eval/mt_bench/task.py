"""MT-Bench on one checkpoint: its answers, then what the run's judge says of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eval.benchmark_run import BenchmarkRun, PolicySubject
from eval.config import EvalConfig, JudgeKind, MTBenchMode, MTBenchSettings
from eval.drawing import selection_of
from eval.mt_bench import HARNESS, PAIR_TASK, TASK
from eval.mt_bench.answers import ConversationSettings, write_conversations
from eval.mt_bench.judges import EndpointRatingJudge, RatingJudge, rating_judge_key
from eval.mt_bench.pairs import comparison_rows, read_baseline, write_comparisons
from eval.mt_bench.rows import rating_rows
from eval.mt_bench.single import write_ratings
from eval.mt_bench.template import make_template
from eval.mt_bench.verdicts import judgment_file, require_references
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from eval.sources import MTBenchData, is_reference_file, mt_bench_data
from salmon.errors import SalmonError
from salmon.runtime.files import file_digest
from salmon.runtime.fingerprint import semantic


@dataclass(frozen=True)
class Answered:
    """Everything that is judged."""

    checkpoint: str
    data: MTBenchData
    questions: list[dict[str, Any]]
    answers: list[dict[str, Any]]  # one a question
    judgments: Path  # folder for FastChat's files
    how: Provenance
    about: str  # what a reader of the figures must know


def files_beside_data(settings: MTBenchSettings) -> dict[str, str]:
    """SHA-256 by setting of the files that it reads besides the benchmark's own folder.

    Raises:
        SalmonError: there is no such file.
    """
    named = {"baseline": settings.baseline} if settings.mode is not MTBenchMode.single else {}
    if is_reference_file(settings.references):
        named["references"] = settings.references
    for key, file in named.items():
        if file is None or not Path(file).expanduser().is_file():
            raise SalmonError(f"eval.mt_bench.{key}={file}: there is no such file")
    return {key: file_digest(Path(file).expanduser()) for key, file in named.items() if file}


def mt_bench_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """MT-Bench with the active adapter; None where the suite leaves it out."""
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None
    mode = config.mt_bench.mode
    figures = {
        MTBenchMode.single: ((TASK, "score"),),
        MTBenchMode.pair: ((PAIR_TASK, "win_rate_adjusted"),),
        MTBenchMode.both: ((TASK, "score"), (PAIR_TASK, "win_rate_adjusted")),
    }
    selection = selection_of(config, TASK)
    settings = {
        **selection.identity,
        "mt_bench": semantic(config.mt_bench),
        "judge": rating_judge_key(subject.evaluation.judge),
        "references": None if is_reference_file(config.mt_bench.references) else config.mt_bench.references,
        "files": files_beside_data(config.mt_bench),
    }
    return BenchmarkRun(
        TASK,
        subject.data(TASK),
        settings,
        lambda work: run_mt_bench(subject, work),
        figures[mode],
        selection=selection,
        one_process=config.mt_bench.judge.kind is JudgeKind.openai,
    )


def asked_questions(questions: Sequence[dict[str, Any]], config: EvalConfig) -> list[dict[str, Any]]:
    """The questions that are asked, in the order of the file: the first ones, or some of each category."""
    selection = selection_of(config, TASK)
    if selection.draw is None:
        return list(questions)[: selection.limit]
    by_category: dict[str, list[int]] = {}
    for place, question in enumerate(questions):
        by_category.setdefault(question["category"], []).append(place)
    drawn = selection.places({category: len(places) for category, places in by_category.items()})
    asked = sorted(by_category[category][number] for category, numbers in drawn.items() for number in numbers)
    return [questions[place] for place in asked]


def run_mt_bench(subject: PolicySubject, work: Path) -> list[Row]:
    """Rows of MT-Bench with the active adapter.

    Raises:
        Unavailable: the data, or the judge, cannot be reached.
        SalmonError: reference answers, a baseline's answers or a template are missing; nothing was asked then.
    """
    run, config = subject.evaluation, subject.evaluation.config.mt_bench
    judge, mode = run.judge, config.mode
    make_template(config.template)
    data = mt_bench_data(subject.folder, run.cache, config.references)
    questions = asked_questions(data.questions, run.config)
    if judge is not None:
        require_references(data, questions)
    baseline = [] if mode is MTBenchMode.single else read_baseline(Path(config.baseline or "").expanduser(), questions)
    here = subject.outputs(
        work, TASK, subject.data(TASK), max_new_tokens=config.max_new_tokens, template=config.template
    )
    settings = ConversationSettings(config.max_new_tokens, run.config.batch_size, run.seed, config.template)
    path = here / "model_answer" / f"{subject.name}.jsonl"
    answers = write_conversations(subject.shared, questions, path, subject.name, settings)
    cut = sum(answer["cut"] for answer in answers)
    about = f"{len(questions)} questions, at most {settings.max_new_tokens} new tokens a turn" + (
        f", {cut} prompts cut to fit the context" if cut else ""
    )
    about += "" if config.template == "tokenizer" else f", template {config.template}"
    if judge is None:
        note = f"answers written, no judge (kind=none); {about}"
        return [Row(subject.name, TASK, "score", None, None, 0, note)]
    how = Provenance(
        HARNESS,
        TASK,
        scope=f"{len(questions)} questions",
        max_new_tokens=settings.max_new_tokens,
        judge=_judge_name(judge),
        references=data.reference_author if data.references else None,
        template=config.template,
    )
    answered = Answered(subject.name, data, questions, answers, here / "model_judgment", how, about)
    rows = [] if mode is MTBenchMode.pair else _rated(judge, answered)
    if baseline and isinstance(judge, EndpointRatingJudge):
        rows += _compared(judge, answered, baseline)
    return rows


def _judge_name(judge: RatingJudge) -> str:
    return judge.label if judge.repeats == 1 else f"{judge.label}, median of {judge.repeats}"


def _rated(judge: RatingJudge, on: Answered) -> list[Row]:
    file = on.judgments / judgment_file(judge)
    judgments = write_ratings(judge, on.data, on.questions, on.answers, file)
    note = f"{judge.note}; references by {on.data.reference_author}; {on.about}"
    note += f"; {judge.usage}" if judge.usage else ""
    categories = {question["question_id"]: question["category"] for question in on.questions}
    return rating_rows(on.checkpoint, judgments, note, on.how, categories)


def _compared(judge: EndpointRatingJudge, on: Answered, baseline: Sequence[dict[str, Any]]) -> list[Row]:
    file = on.judgments / judgment_file(judge, "pair")
    judgments = write_comparisons(judge, on.data, on.questions, on.answers, baseline, file)
    how = replace(on.how, task=PAIR_TASK, baseline=baseline[0]["model_id"], judge=judge.label)
    return comparison_rows(TaskRows(on.checkpoint, PAIR_TASK, how), judgments)
