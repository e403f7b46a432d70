"""Each turn of each answer, rated from 1 to 10."""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eval.mt_bench import UNPARSED_SCORE
from eval.mt_bench.judges import JudgePrompt, RatingJudge
from eval.mt_bench.verdicts import call_failed, complete_judgment_file, fill_template, verdict_key
from eval.sources import MTBenchData
from salmon.runtime.jsonl import rewrite_records

REPEATS_FOLDER = "model_judgment_repeats"  # beside FastChat's model_judgment, which has one row an item


def rating_prompt(
    data: MTBenchData, question: dict[str, Any], answer: dict[str, Any], turn: int, repeat: int = 0
) -> tuple[str, JudgePrompt]:
    """Name and text of FastChat's single-answer prompt for one turn (0 or 1)."""
    replies = answer["choices"][0]["turns"]
    blanks = {"answer": replies[0]} | {f"answer_{i + 1}": replies[i] for i in range(turn + 1)}
    return fill_template(data, "single", question, turn, blanks, repeat)


def write_ratings(
    judge: RatingJudge,
    data: MTBenchData,
    questions: Sequence[dict[str, Any]],
    answers: Sequence[dict[str, Any]],
    path: Path,
) -> list[dict[str, Any]]:
    """Judge every turn that ``path`` has no verdict on (failed calls again); FastChat's rows of all turns.

    Where the judge is asked several times, all verdicts are in a file of the same name in ``REPEATS_FOLDER``; ``path``
    has for each turn the verdict with the median rating, and all ``ratings``.
    """
    wanted = [
        (question, answer, turn, repeat)
        for question, answer in zip(questions, answers, strict=True)
        for turn in range(len(question["turns"]))
        for repeat in range(judge.repeats)
    ]
    prompts = [rating_prompt(data, *item) for item in wanted]
    keys = [
        verdict_key(judge, [request], [name, question["question_id"], answer["model_id"], turn])
        for (question, answer, turn, _), (name, request) in zip(wanted, prompts, strict=True)
    ]

    def make(places: list[int]) -> Iterator[dict[str, Any]]:
        verdicts = judge.rate([prompts[place][1] for place in places])
        for place, verdict in zip(places, verdicts, strict=True):
            (question, answer, turn, repeat), (name, request) = wanted[place], prompts[place]
            row = {
                "question_id": question["question_id"],
                "model": answer["model_id"],
                "judge": [judge.label, name],
                "user_prompt": request.user,
                "judgment": verdict.text,
                "score": UNPARSED_SCORE if verdict.rating is None else verdict.rating,
                "turn": turn + 1,
                "request": keys[place],
            }
            yield row if judge.repeats == 1 else row | {"repeat": repeat}

    if judge.repeats == 1:
        return complete_judgment_file(path, keys, make, "judgements")
    rows = complete_judgment_file(path.parent.parent / REPEATS_FOLDER / path.name, keys, make, "judgements")
    items = [median_row(rows[at : at + judge.repeats]) for at in range(0, len(rows), judge.repeats)]
    rewrite_records(path, items)
    return items


def median_row(repeats: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of several verdicts on one turn the one with the median rating, with all their ``ratings`` (None: it has none).

    Where a call failed it is the failed one: the item is asked again and counts nowhere until then. An even number of
    ratings has two in the middle; the lower counts, so that the verdict's own text says the score.
    """
    ratings = [None if row["score"] == UNPARSED_SCORE else row["score"] for row in repeats]
    given = [rating for rating in ratings if rating is not None]
    lost = next((row for row in repeats if call_failed(row)), None)
    if lost is not None or not given:
        chosen = lost or repeats[0]
    else:
        middle = statistics.median_low(given)
        chosen = next(row for row in repeats if row["score"] == middle)
    return chosen | {"ratings": ratings}
