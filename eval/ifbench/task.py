"""IFBench on a policy: greedy answers to prompts with constraints, and the share of these that they follow.

The checkers are those of the package ``if-verifiable``; the conversation is the model's own chat template.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.benchmark_run import BenchmarkRun, PolicySubject
from eval.generation.chat_answers import require_room_for_answers, write_chat_answers
from eval.ifbench import TASK
from eval.ifbench.constraints import PACKAGE, checkers_identity, lacking_data, without_check
from eval.ifbench.prompts import ifbench_prompts
from eval.ifbench.verdicts import as_rows, judge_answer
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from salmon.runtime.jsonl import rewrite_records

SETTING = "eval.ifbench"
MODES = ("strict", "loose")


def ifbench_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """IFBench with the active adapter; None where the suite leaves it out.

    Raises:
        SalmonError: the package that checks is not installed, or the answers leave no room for a prompt.
    """
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None
    require_room_for_answers(subject.shared, SETTING, config.ifbench.max_new_tokens)
    settings = {
        "limit": config.limit,
        "max_new_tokens": config.ifbench.max_new_tokens,
        "checkers": checkers_identity(),
    }
    return BenchmarkRun(
        TASK, subject.data(TASK), settings, lambda work: run_ifbench(subject, work), ((TASK, "prompt_strict"),)
    )


def run_ifbench(subject: PolicySubject, work: Path) -> list[Row]:
    """Rows of IFBench with the active adapter; ``work`` keeps every answer and every verdict.

    Raises:
        Unavailable: the data cannot be reached.
        SalmonError: they are malformed.
    """
    config, length = subject.evaluation.config, subject.evaluation.config.ifbench.max_new_tokens
    prompts = ifbench_prompts(subject.folder)[: config.limit]
    # Not by the checkers or the limit: answers are kept.
    folder = subject.outputs(work, TASK, subject.data(TASK), max_new_tokens=length)
    questions = [{"key": prompt.key, "prompt": prompt.prompt} for prompt in prompts]
    answers = write_chat_answers(
        subject.shared, questions, folder / "answers.jsonl", SETTING, length, config.batch_size
    )
    lacking = lacking_data()
    judged = [
        row | {"verdicts": as_rows(judge_answer(row["answer"], prompt.constraints, lacking))}
        for row, prompt in zip(answers, prompts, strict=True)
    ]
    rewrite_records(folder / "verdicts.jsonl", judged)
    used = [constraint.id for prompt in prompts for constraint in prompt.constraints]
    how = Provenance(
        f"{PACKAGE} {checkers_identity()[PACKAGE]}",
        TASK,
        shots=0,
        chat_template=True,
        scope="; ".join(filter(None, (f"{len(prompts)} prompts", without_check(used, lacking)))),
        max_new_tokens=length,
    )
    return followed_rows(TaskRows(subject.name, TASK, how), judged)


def followed_rows(rows: TaskRows, judged: Sequence[dict[str, Any]]) -> list[Row]:
    """Share of prompts of which every constraint is followed, of all constraints, and of each constraint.

    What was not checked is in no share, nor is its prompt in the shares of prompts; it is counted.
    Constraints of one prompt are one cluster.
    """
    checked = [row for row in judged if all(verdict["strict"] is not None for verdict in row["verdicts"])]
    verdicts = [(row["key"], verdict) for row in judged for verdict in row["verdicts"]]
    counts = {
        "n_unchecked": (sum(verdict["strict"] is None for _, verdict in verdicts), len(verdicts)),
        "n_checker_errors": (sum(verdict["error"] is not None for _, verdict in verdicts), len(verdicts)),
        "n_empty": (sum(not row["answer"].strip() for row in judged), len(judged)),
        "n_unfinished": (sum(not row["finished"] for row in judged), len(judged)),
        "n_too_long": (sum(row["cut"] for row in judged), len(judged)),
    }
    return [
        *(
            rows.mean(
                f"prompt_{mode}",
                [float(all(v[mode] for v in row["verdicts"])) for row in checked],
                items=[str(row["key"]) for row in checked],
            )
            for mode in MODES
        ),
        *(_of_constraints(rows, f"instruction_{mode}", mode, verdicts) for mode in MODES),
        *(rows.count(name, count, n) for name, (count, n) in counts.items()),
        *(
            _of_constraints(rows, f"instruction_{mode}/{name}", mode, [v for v in verdicts if v[1]["id"] == name])
            for mode in MODES
            for name in sorted({verdict["id"] for _, verdict in verdicts})
        ),
    ]


def _of_constraints(rows: TaskRows, metric: str, mode: str, verdicts: Sequence[tuple[str, dict[str, Any]]]) -> Row:
    known = [(key, verdict) for key, verdict in verdicts if verdict[mode] is not None]
    return rows.mean(metric, [float(verdict[mode]) for _, verdict in known], [key for key, _ in known])
