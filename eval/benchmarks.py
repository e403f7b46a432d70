"""The benchmarks that a suite can have: each makes its job for a checkpoint, or None where the suite leaves it out."""

from collections.abc import Callable
from pathlib import Path

from eval.bbh.answers import VERSION as ANSWERS_VERSION
from eval.config import JudgeKind, MTBenchMode
from eval.humaneval.task import METRIC as PASS_AT_1
from eval.humaneval.task import TASK as HUMANEVAL
from eval.humaneval.task import run_humaneval
from eval.job import BenchmarkRun, PolicySubject
from eval.mt_bench import PAIR_TASK
from eval.mt_bench import TASK as MT_BENCH
from eval.mt_bench.judges import rating_judge_key
from eval.mt_bench.task import files_beside_data, run_mt_bench
from eval.pairs import TASK as PAIRS
from eval.pairs.task import policy_job
from eval.probes import TASK as PROBES
from eval.probes.task import probes_job
from eval.results import Row
from eval.truthfulqa.generation import BOTH, TRUTHFUL, run_truthfulqa_generation
from eval.truthfulqa.generation import TASK as TRUTHFULQA_GEN
from eval.tydiqa.task import FOLDER as TYDIQA_FOLDER
from eval.tydiqa.task import METRIC as F1
from eval.tydiqa.task import TASK as TYDIQA
from eval.tydiqa.task import run_tydiqa
from salmon.runtime.fingerprint import semantic

OUTPUTS = "outputs.jsonl"  # of lm-eval's requests, which are the whole prompts


def truthfulqa(subject: PolicySubject) -> BenchmarkRun | None:
    config = subject.run.config
    tasks = [task for task in config.tasks if task in ("truthfulqa_mc1", "truthfulqa_mc2")]
    if not tasks:
        return None

    def run(work: Path) -> list[Row]:
        from eval.lm_eval import harness as lm_harness  # lm-eval takes seconds to import

        cache = subject.outputs(work, "truthfulqa", data) / OUTPUTS
        return lm_harness.run_truthfulqa(subject.shared, subject.name, tasks, config, subject.folder, work, cache)

    data = subject.data("truthfulqa")
    settings = {"limit": config.limit, "chat_template": config.chat_template, "tasks": tasks}
    return BenchmarkRun("truthfulqa", data, settings, run, tuple((task, "acc") for task in tasks))


def truthfulqa_gen(subject: PolicySubject) -> BenchmarkRun | None:
    config, judge = subject.run.config, subject.run.answer_judge
    if TRUTHFULQA_GEN not in config.tasks:
        return None
    settings = {
        "limit": config.limit,
        "chat_template": config.chat_template,
        "truthfulqa_gen": semantic(config.truthfulqa_gen),
        "judge": None if judge is None else judge.file,
    }
    return BenchmarkRun(
        TRUTHFULQA_GEN,
        subject.data("truthfulqa"),
        settings,
        lambda work: run_truthfulqa_generation(subject, work),
        ((TRUTHFULQA_GEN, TRUTHFUL), (TRUTHFULQA_GEN, BOTH)),
        one_process=config.truthfulqa_gen.judge.kind is JudgeKind.openai,
    )


def bbh(subject: PolicySubject) -> BenchmarkRun | None:
    config = subject.run.config
    if "bbh" not in config.tasks:
        return None

    def run(work: Path) -> list[Row]:
        from eval.lm_eval import harness as lm_harness

        cache = subject.outputs(work, "bbh", data) / OUTPUTS
        return lm_harness.run_bbh(subject.shared, subject.name, config, subject.folder, work, cache)

    data = subject.data("bbh")
    settings = {
        "limit": config.limit,
        "chat_template": config.chat_template,
        "bbh": semantic(config.bbh),
        "answers": ANSWERS_VERSION,
    }
    return BenchmarkRun("bbh", data, settings, run, ((f"bbh_{config.bbh.mode.value}", "accuracy"),))


def humaneval(subject: PolicySubject) -> BenchmarkRun | None:
    config = subject.run.config
    if HUMANEVAL not in config.tasks:
        return None
    settings = {"limit": config.limit, "humaneval": semantic(config.humaneval)}
    return BenchmarkRun(
        HUMANEVAL,
        subject.data(HUMANEVAL),
        settings,
        lambda work: run_humaneval(subject, work),
        ((HUMANEVAL, PASS_AT_1),),
    )


def tydiqa(subject: PolicySubject) -> BenchmarkRun | None:
    config = subject.run.config
    if TYDIQA not in config.tasks:
        return None
    settings = {"limit": config.limit, "chat_template": config.chat_template, "tydiqa": semantic(config.tydiqa)}
    return BenchmarkRun(
        TYDIQA, subject.data(TYDIQA_FOLDER), settings, lambda work: run_tydiqa(subject, work), ((TYDIQA, F1),)
    )


def mt_bench(subject: PolicySubject) -> BenchmarkRun | None:
    config = subject.run.config
    if MT_BENCH not in config.tasks:
        return None
    mode = config.mt_bench.mode
    figures = {
        MTBenchMode.single: ((MT_BENCH, "score"),),
        MTBenchMode.pair: ((PAIR_TASK, "win_rate_adjusted"),),
        MTBenchMode.both: ((MT_BENCH, "score"), (PAIR_TASK, "win_rate_adjusted")),
    }
    settings = {
        "limit": config.limit,
        "mt_bench": semantic(config.mt_bench),
        "judge": rating_judge_key(subject.run.judge),
        "files": files_beside_data(config.mt_bench),
    }
    return BenchmarkRun(
        MT_BENCH,
        subject.data(MT_BENCH),
        settings,
        lambda work: run_mt_bench(subject, work),
        figures[mode],
        one_process=config.mt_bench.judge.kind is JudgeKind.openai,
    )


def pairs(subject: PolicySubject) -> BenchmarkRun | None:
    return policy_job(subject) if PAIRS in subject.run.config.tasks else None


def probes(subject: PolicySubject) -> BenchmarkRun | None:
    return probes_job(subject) if PROBES in subject.run.config.tasks else None


BENCHMARKS: tuple[Callable[[PolicySubject], BenchmarkRun | None], ...] = (
    truthfulqa,
    truthfulqa_gen,
    bbh,
    humaneval,
    tydiqa,
    mt_bench,
    pairs,
    probes,
)
