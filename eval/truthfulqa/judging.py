"""Verdicts on answers to TruthfulQA's questions: is each true, does it say anything; kept by question.

An empty answer and "I have no comment." say nothing false and nothing at all: the benchmark counts both as true and not
informative, and no judge is asked.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from salmon.config.slug import slug
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.jsonl import append_records, recover_grown, rewrite_records
from salmon.runtime.progress import Progress

log = logging.getLogger("salmon")

NO_COMMENT = "i have no comment"
BY_RULE = "by rule: no comment"  # in the place of a judge's words
SHOWN_EVERY = 16  # verdicts


class Aspect(Enum):
    """What a judge is asked about an answer."""

    truthful = "truthful"
    informative = "informative"


@dataclass(frozen=True)
class JudgedAnswer:
    """An answer with what a judge may need to know about its question."""

    id: int
    question: str
    answer: str
    correct: tuple[str, ...]  # the benchmark's true reference answers
    incorrect: tuple[str, ...]  # its false ones


@dataclass(frozen=True)
class AnswerVerdict:
    """``yes`` is None where the call failed, or the reply holds neither yes nor no."""

    prompt: str  # as the judge got it
    text: str  # as it came back
    yes: bool | None
    failure: str | None = None  # why there is no reply
    off_format: bool = False  # read from probabilities, of which less than half was on yes and no


class AnswerJudge(Protocol):
    label: str  # goes into tables
    file: str  # begins the names of files with its verdicts; other judges have other ones

    def decide(self, aspect: Aspect, answers: Sequence[JudgedAnswer]) -> Iterator[AnswerVerdict]:
        """One verdict an answer, in order, each as soon as it is there.

        Raises:
            Unavailable: this judge cannot be had here.
        """


def write_verdicts(
    judge: AnswerJudge, aspect: Aspect, answers: Sequence[JudgedAnswer], path: Path
) -> list[dict[str, Any]]:
    """Judge every answer that ``path`` has no verdict on (failed calls again); a row for each answer.

    Raises:
        Unavailable: there are answers to be judged, and the judge cannot be had here.
    """

    def row(answer: JudgedAnswer, verdict: AnswerVerdict) -> dict[str, Any]:
        return {
            "id": answer.id,
            "question": answer.question,
            "answer": answer.answer,
            "aspect": aspect.value,
            "judge": judge.label,
            "prompt": verdict.prompt,
            "judgment": verdict.text,
            "yes": verdict.yes,
            "failure": verdict.failure,
            "off_format": verdict.off_format,
        }

    texts = {answer.id: answer.answer for answer in answers}
    whole = recover_grown(path, lambda row: {"id", "answer", "failure"} <= row.keys())
    saved = {old["id"]: old for old in whole if old["failure"] is None}
    kept = {key: old for key, old in saved.items() if texts.get(key, old["answer"]) == old["answer"]}
    todo = [answer for answer in answers if answer.id not in kept]
    if todo:
        rewrite_records(path, kept.values())
    progress = Progress(len(answers), f"{aspect.value} verdicts", log, start=len(answers) - len(todo))
    plain = [answer for answer in todo if is_no_comment(answer.answer)]
    rest = [answer for answer in todo if not is_no_comment(answer.answer)]
    ruled = [row(answer, AnswerVerdict("", BY_RULE, aspect is Aspect.truthful)) for answer in plain]
    append_records(path, ruled)
    kept |= {new["id"]: new for new in ruled}
    if plain:
        progress.advance(len(plain))
    shown = 0
    verdicts = judge.decide(aspect, rest) if rest else iter(())
    for number, (answer, verdict) in enumerate(zip(rest, verdicts, strict=True), start=1):
        kept[answer.id] = row(answer, verdict)
        append_records(path, [kept[answer.id]])
        if number - shown == SHOWN_EVERY or number == len(rest):
            progress.advance(number - shown)
            shown = number
    return [kept[answer.id] for answer in answers]


def is_no_comment(answer: str) -> bool:
    """Whether the answer is empty, or the benchmark's own way to say nothing."""
    return answer.strip(" \n.\"'").lower() in ("", NO_COMMENT)


def file_name(label: str, *parts: str) -> str:
    """A file name that begins with the label and differs with every part."""
    return slug(label)[:80] + "_" + fingerprint("judge", 1, {"of": [label, *parts]}, {})[:8]
