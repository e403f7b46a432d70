"""What the single and the pairwise judgements share: the prompts' blanks, the files' names, and how a file grows."""

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.lm_eval.output_cache import request_key
from eval.mt_bench import WITH_REFERENCE
from eval.mt_bench.judges import ERROR_TEXT, JudgePrompt, RatingJudge, rating_judge_key
from eval.sources import MTBenchData
from salmon.config.slug import slug
from salmon.errors import SalmonError
from salmon.runtime.jsonl import append_records, recover_grown, rewrite_records
from salmon.runtime.progress import Progress

log = logging.getLogger("salmon")

PROGRESS_EVERY = 8  # judgements


def judgment_file(judge: RatingJudge, kind: str = "single") -> str:
    """FastChat's file name for the judge's verdicts on single answers, or on pairs (``kind="pair"``)."""
    return slug(judge.label) + f"_{kind}.jsonl"


def fill_template(
    data: MTBenchData, kind: str, question: dict[str, Any], turn: int, blanks: dict[str, str], repeat: int = 0
) -> tuple[str, JudgePrompt]:
    """Name and text of FastChat's prompt for one turn (0 or 1): its choice, with these and the common blanks.

    Args:
        kind: "single", or "pair".
    """
    needs_reference = question["category"] in WITH_REFERENCE
    general = {"single": "single-v1", "pair": "pair-v2"}[kind]
    name = (f"{kind}-math-v1" if needs_reference else general) + ("-multi-turn" if turn else "")
    template = data.judge_prompts.get(name)
    if template is None:
        raise SalmonError(f"mt_bench/judge_prompts.jsonl has no prompt {name!r}")
    blanks = blanks | {"question": question["turns"][0]}
    blanks |= {f"question_{i + 1}": question["turns"][i] for i in range(turn + 1)}
    if needs_reference:
        references = data.references[question["question_id"]]
        blanks |= {f"ref_answer_{i + 1}": references[i] for i in range(turn + 1)}
    return name, JudgePrompt(template["system_prompt"], template["prompt_template"].format(**blanks), repeat)


def require_references(data: MTBenchData, questions: Sequence[dict[str, Any]]) -> None:
    """To be called before the first call is paid for.

    Raises:
        SalmonError: a question that is judged against a reference answer has none for each of its turns.
    """
    lacking = [
        f"{q['question_id']} ({q['category']})"
        for q in questions
        if q["category"] in WITH_REFERENCE and len(data.references.get(q["question_id"], ())) < len(q["turns"])
    ]
    if lacking:
        raise SalmonError(
            f"the reference answers by {data.reference_author} ({data.reference_file}) lack question "
            f"{', '.join(lacking)}: add the answers of both turns, or choose others with eval.mt_bench.references"
        )


def verdict_key(judge: RatingJudge, requests: Sequence[JudgePrompt], about: Sequence[Any]) -> str:
    """What a verdict depends on, as hex: who is asked what, about which turn of which models."""
    asked = [[request.system, request.user, request.repeat] for request in requests]
    return request_key(rating_judge_key(judge), asked, list(about))


def complete_judgment_file(
    path: Path, keys: Sequence[str], make: Callable[[list[int]], Iterator[dict[str, Any]]], unit: str
) -> list[dict[str, Any]]:
    """Rows of all ``keys`` (their ``"request"``), in order: those of the file, and those made and appended now.

    Rows with a failed call are made again; rows that are not asked for any more leave the file, so that FastChat's
    averages over it are those that are reported.

    Args:
        make: the rows at these places of ``keys``, in order, each as soon as it is there.
    """
    wanted = set(keys)
    kept = {row["request"]: row for row in recover_grown(path) if row.get("request") in wanted and not call_failed(row)}
    todo = [i for i, key in enumerate(keys) if key not in kept]
    if todo or path.is_file():
        rewrite_records(path, [kept[key] for key in keys if key in kept])
    progress = Progress(len(keys), unit, log, start=len(keys) - len(todo))
    unlogged = 0
    for place, row in zip(todo, make(todo) if todo else iter(()), strict=True):
        append_records(path, [row])
        kept[keys[place]] = row
        unlogged += 1
        if unlogged == PROGRESS_EVERY or place == todo[-1]:
            progress.advance(unlogged)
            unlogged = 0
    return [kept[key] for key in keys]


def call_failed(row: dict[str, Any]) -> bool:
    """Whether a call behind this row of FastChat's failed."""
    return ERROR_TEXT in (row.get("judgment"), row.get("g1_judgment"), row.get("g2_judgment"))
