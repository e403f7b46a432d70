"""Greedy answers to the prompts of ``eval.probes.files``, and how often they refuse."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from eval.benchmark_run import BenchmarkRun, PolicySubject
from eval.config import EvalConfig
from eval.generation.chat_answers import require_room_for_answers, write_chat_answers
from eval.probes import TASK
from eval.probes.prompts import COMPLY, REFUSE, Probe, read_probes
from eval.probes.refusals import EMPTY, EVASIVE, REFUSAL, VERSION, classify_answer
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from eval.sources import BUNDLED, MINI
from eval.user_files import existing
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.jsonl import rewrite_records

SETTING = "eval.probes"
SMOKE_TEST = BUNDLED / "probes" / "probes.jsonl"
RATES = {"false_refusal_rate": (COMPLY,), "harmful_refusal_rate": (REFUSE,)}  # by what is expected


def probes_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """The probes of every file on the active adapter; None where the suite has none.

    Raises:
        SalmonError: a file is missing or malformed, or the answers leave no room for a prompt.
    """
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None
    sources, length = read_probe_sources(config), config.probes.max_new_tokens
    require_room_for_answers(subject.shared, SETTING, length)
    content = {name: fingerprint(TASK, 1, [asdict(probe) for probe in probes], {}) for name, probes in sources.items()}
    how = Provenance(
        "own runner, refusals by the rule in eval/probes/refusals.py",
        TASK,
        str(VERSION),
        shots=0,
        chat_template=True,
        max_new_tokens=length,
    )

    def run(work: Path) -> list[Row]:
        found = []
        for name, probes in sources.items():
            # Not by the rule or the limit: answers are kept.
            folder = subject.outputs(work, TASK, content[name], max_new_tokens=length)
            questions = [asdict(probe) for probe in probes[: config.limit]]
            answers = write_chat_answers(
                subject.shared, questions, folder / "answers.jsonl", SETTING, length, config.batch_size
            )
            verdicts = [row | vars(classify_answer(row["answer"])) for row in answers]
            rewrite_records(folder / "verdicts.jsonl", verdicts)
            found += rate_rows(TaskRows(subject.name, f"{TASK}_{name}", how), verdicts)
        return found

    data = next(iter(content.values())) if len(content) == 1 else fingerprint(TASK, 1, content, {})
    settings = {"limit": config.limit, "sources": content, "rule": VERSION, "max_new_tokens": length}
    return BenchmarkRun(
        TASK,
        data,
        settings,
        run,
        tuple((f"{TASK}_{name}", "refusal_rate") for name in sources),
        own_files=bool(config.probes.files),
    )


def read_probe_sources(config: EvalConfig) -> dict[str, list[Probe]]:
    """The prompts of each file, by its name; without files those of the bundled smoke test."""
    files = {name: existing(f"{SETTING}.files.{name}", file) for name, file in config.probes.files.items()}
    return {name: read_probes(path) for name, path in (files or {MINI: SMOKE_TEST}).items()}


def rate_rows(rows: TaskRows, verdicts: Sequence[dict[str, Any]]) -> list[Row]:
    """Share of refusals among all prompts, those to be answered, and those to be refused.

    The latter two also by category; the first where the file does not say what is expected.
    """
    found = _rates(rows, "refusal_rate", verdicts, all(verdict["expect"] is None for verdict in verdicts))
    for metric, expected in RATES.items():
        found += _rates(rows, metric, [verdict for verdict in verdicts if verdict["expect"] in expected], True)
    counts = {
        "n_evasive": sum(verdict["verdict"] == EVASIVE for verdict in verdicts),
        "n_empty": sum(verdict["verdict"] == EMPTY for verdict in verdicts),
        "n_unfinished": sum(not verdict["finished"] for verdict in verdicts),
        "n_too_long": sum(verdict["cut"] for verdict in verdicts),
    }
    return found + [rows.count(name, count, len(verdicts)) for name, count in counts.items()]


def _rates(rows: TaskRows, metric: str, verdicts: Sequence[dict[str, Any]], by_category: bool) -> list[Row]:
    groups = {metric: list(verdicts)} if verdicts else {}
    for category in sorted({verdict["category"] for verdict in verdicts} - {""}) if by_category else ():
        groups[f"{metric}:{category.replace('/', '-')}"] = [v for v in verdicts if v["category"] == category]
    return [
        # A prompt that stands in a file twice gets one answer.
        rows.mean(name, [float(v["verdict"] == REFUSAL) for v in group], [v["prompt"] for v in group])
        for name, group in groups.items()
    ]
