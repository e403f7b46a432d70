"""How far a judge agrees with the programmatic checks of the principles that have one."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from salmon.data.rows import Judgement
from salmon.preferences.judges.verifier import VerifierJudge
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank
from salmon.runtime.seeding import stream
from salmon.runtime.tables import markdown_table

RESAMPLES = 1000
OVERALL = "all"


@dataclass(frozen=True)
class Agreement:
    """A judge and the checks, compared over all pairs under one principle or under all; shares in [0, 1]."""

    principle: str  # or OVERALL
    judgements: int  # how many
    decided: int  # those where the check is not tied; the agreement is over these
    agreement: float | None  # judge and check prefer the same response; a judge's 0 is half; None: none decided
    low: float | None  # 95 % interval: percentiles of a bootstrap over prompts
    high: float | None
    order_disagreement_rate: float  # the judge prefers different responses in its two presentation orders
    judge_zero_rate: float  # the mean of the judge's two orders is exactly 0
    check_tie_rate: float  # the check has no opinion


@dataclass(frozen=True)
class AgreementReport:
    overall: Agreement  # over all judgements of all principles: each decided one counts the same
    principles: tuple[Agreement, ...]


def agreement_with_checks(
    pairs: Sequence[Pair], judgements: Sequence[Sequence[Judgement]], bank: Bank, seed: int
) -> AgreementReport | None:
    """Run the checks of a bank on the pairs and compare a judge's judgements [N][K] with them.

    Returns:
        None if no principle of the bank has a check.
    """
    checked = replace(bank, principles=tuple(p for p in bank.principles if p.check is not None))
    if not checked.principles:
        return None
    return measure_agreement(judgements, [j.judgements for j in VerifierJudge(checked).judge(pairs)], seed)


def measure_agreement(
    judged: Sequence[Sequence[Judgement]], checks: Sequence[Sequence[Judgement]], seed: int, resamples: int = RESAMPLES
) -> AgreementReport:
    """Compare a judge's judgements with those of the checks of the same N > 0 pairs.

    Whole prompts are resampled, since several pairs of one prompt are not independent.

    Args:
        judged: judgements [N][K] of the judge.
        checks: judgements [N][C] of the checks, which C of the K principles have.
        seed: of the bootstrap.
        resamples: of the bootstrap.

    Raises:
        ValueError: the judgements belong to different pairs, or a principle of the checks was not judged.
    """
    names = [judgement.principle for judgement in checks[0]]
    prompts = [row[0].prompt_id for row in checks]
    if prompts != [row[0].prompt_id for row in judged]:
        raise ValueError("judge and checks judged different pairs")
    (original, swapped), (first, second) = _columns(judged, names), _columns(checks, names)  # [N, C] each
    judge, check = (original + swapped) / 2, (first + second) / 2
    decided = check != 0
    right = np.where(judge == 0, 0.5, np.sign(judge) == np.sign(check)) * decided
    disagree = np.sign(original) * np.sign(swapped) < 0

    low, high = _intervals(right, decided, prompts, seed, resamples)  # [C + 1] each

    def part(name: str, index: int, columns: slice) -> Agreement:
        count = int(decided[:, columns].sum())
        share = float(right[:, columns].sum()) / count if count else None
        return Agreement(
            name,
            decided[:, columns].size,
            count,
            share,
            low[index] if count else None,
            high[index] if count else None,
            float(disagree[:, columns].mean()),
            float((judge[:, columns] == 0).mean()),
            1 - float(decided[:, columns].mean()),
        )

    principles = tuple(part(name, k, slice(k, k + 1)) for k, name in enumerate(names))
    return AgreementReport(part(OVERALL, len(names), slice(None)), principles)


def as_metrics(report: AgreementReport) -> dict[str, float]:
    """Names and values for the tracker; nothing where no check decided."""
    metrics: dict[str, float] = {}
    for part in (report.overall, *report.principles):
        prefix = "judge" if part is report.overall else f"judge/{part.principle}"
        metrics |= {
            f"{prefix}/order_disagreement_rate": part.order_disagreement_rate,
            f"{prefix}/check_tie_rate": part.check_tie_rate,
        }
        if part.agreement is not None and part.low is not None and part.high is not None:
            metrics |= {
                f"{prefix}/agreement": part.agreement,
                f"{prefix}/agreement_low": part.low,
                f"{prefix}/agreement_high": part.high,
            }
    return metrics


def agreement_markdown(report: AgreementReport) -> str:
    """The report as a table."""
    rows = [
        [
            part.principle,
            "-" if part.agreement is None else f"{part.agreement:.3f} ({part.low:.3f} to {part.high:.3f})",
            f"{part.decided} / {part.judgements}",
            f"{part.order_disagreement_rate:.1%}",
            f"{part.judge_zero_rate:.1%}",
            f"{part.check_tie_rate:.1%}",
        ]
        for part in (*report.principles, report.overall)
    ]
    return (
        markdown_table(
            [
                "principle",
                "agreement with its check (95 %)",
                "decided / judged",
                "orders disagree",
                "judge at 0",
                "check ties",
            ],
            rows,
        )
        + "\n"
    )


def _columns(rows: Sequence[Sequence[Judgement]], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds [N, C] of the named principles in the original and in the swapped order.

    Raises:
        ValueError: a principle is missing.
    """
    by_name = [{judgement.principle: judgement for judgement in row} for row in rows]
    if any(name not in row for row in by_name for name in names):
        raise ValueError("a principle was not judged")
    return (
        np.array([[row[name].original_order for name in names] for row in by_name]),
        np.array([[row[name].swapped_order for name in names] for row in by_name]),
    )


def _intervals(
    right: np.ndarray, decided: np.ndarray, prompts: Sequence[str], seed: int, resamples: int
) -> tuple[list[float], list[float]]:
    """Bounds of the agreement of each principle and, last, of all together, from credits and counts [N, C].

    A resample in which a principle has no decided judgement says nothing about it and is left out.
    """
    rows_of: dict[str, list[int]] = defaultdict(list)
    for n, prompt in enumerate(prompts):
        rows_of[prompt].append(n)
    credit, count = (
        np.array([values[rows].sum(0) for rows in rows_of.values()], dtype=float) for values in (right, decided)
    )  # [P, C] each
    credit, count = (np.column_stack([values, values.sum(1)]) for values in (credit, count))  # [P, C + 1]
    drawn = stream(seed, "agreement").multinomial(len(rows_of), np.full(len(rows_of), 1 / len(rows_of)), resamples)
    with np.errstate(invalid="ignore"):
        shares = (drawn @ credit) / (drawn @ count)  # [resamples, C + 1]
    bounds = []
    for column in shares.T:
        known = column[np.isfinite(column)]
        bounds.append(np.percentile(known, [2.5, 97.5]).tolist() if known.size else [0.0, 1.0])
    return [low for low, _ in bounds], [high for _, high in bounds]
