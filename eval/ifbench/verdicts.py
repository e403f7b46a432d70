"""Which constraints an answer follows: as it is (strict), or as one of eight variants of it (loose)."""

from collections.abc import Container, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from eval.ifbench.constraints import CheckerError, Constraint


@dataclass(frozen=True)
class Verdict:
    """About one constraint of one answer; ``strict`` and ``loose`` are None where it was not checked."""

    id: str
    strict: bool | None
    loose: bool | None
    error: str | None = None  # where the checker broke on a text, which counts as not followed


def loose_variants(answer: str) -> list[str]:
    """The answer, without its first line, last line, or both, and each of these without asterisks.

    So a line that only introduces or ends the answer, and Markdown's bold type, do not count.
    """
    lines = answer.split("\n")
    whole = [answer, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return [*whole, *(text.replace("*", "") for text in whole)]


def judge_answer(answer: str, constraints: Sequence[Constraint], unchecked: Container[str]) -> list[Verdict]:
    """A verdict about each constraint; an answer without text follows none."""
    return [
        Verdict(constraint.id, None, None) if constraint.id in unchecked else _verdict(answer, constraint)
        for constraint in constraints
    ]


def _verdict(answer: str, constraint: Constraint) -> Verdict:
    error: str | None = None
    strict = loose = False
    for place, text in enumerate(loose_variants(answer)):
        try:
            followed = bool(text.strip()) and constraint.follows(text)
        except CheckerError as broken:
            followed, error = False, error or str(broken)
        strict, loose = strict or (place == 0 and followed), loose or followed
        if loose:
            break
    return Verdict(constraint.id, strict, loose, error)


def as_rows(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    return [asdict(verdict) for verdict in verdicts]
