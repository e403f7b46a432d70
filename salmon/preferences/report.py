"""What the stage says of its judge and its rows: metrics, a table of rows, a comparison with the principles' checks."""

import logging
from collections.abc import Sequence

import numpy as np

from salmon.core.aggregation import position_bias
from salmon.data.rows import PreferenceRow
from salmon.preferences.judgements import JudgedPairs
from salmon.preferences.judges.agreement import agreement_markdown, agreement_with_checks, as_metrics
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


def preference_metrics(judged: JudgedPairs, rows: Sequence[PreferenceRow]) -> dict[str, float]:
    """Ties, position bias and scores of the judge, overall and by principle, and how labels came about."""
    scores, ties = judged.agreed_scores, judged.ties  # [N, K] each
    bias = position_bias(judged.original_order, judged.swapped_order)
    metrics = {
        "judge/tie_rate": ties.mean(),
        "judge/position_bias": bias.mean(),
        "judge/abs_score": np.abs(scores).mean(),
        "pairs/rows_train": sum(row.split == "train" for row in rows),
        "pairs/rows_held_out": sum(row.split == "held_out" for row in rows),
        "pairs/flipped_rate": np.mean([row.flipped for row in rows]),
        "pairs/veto_rate": np.mean([row.decided_by.startswith("veto:") for row in rows]),
    }
    for k, principle in enumerate(judged.bank.principles):
        metrics |= {
            f"judge/{principle.name}/tie_rate": ties[:, k].mean(),
            f"judge/{principle.name}/position_bias": bias[:, k].mean(),
            f"judge/{principle.name}/mean_score": scores[:, k].mean(),
        }
    return {name: float(value) for name, value in metrics.items()}


def compare_with_checks(ctx: StageContext, judged: JudgedPairs, seed: int) -> dict[str, float]:
    """How often the judge agrees with the checks of the principles that have one; also as ``agreement.md``.

    Returns:
        Metrics; none where no principle has a check.
    """
    agreement = agreement_with_checks(judged.pairs, judged.judgements, judged.bank, seed)
    if agreement is None:
        return {}
    table = agreement_markdown(agreement)
    ctx.write(lambda: (ctx.work / "agreement.md").write_text(table, encoding="utf-8"))
    log.info("judge against the principles' checks:\n%s", table)
    return as_metrics(agreement)


def track_preferences(ctx: StageContext, metrics: dict[str, float], rows: Sequence[PreferenceRow]) -> None:
    """Log the metrics, a table of rows, and one line for the terminal."""
    ctx.tracker.rewind(-1)
    ctx.tracker.log(0, metrics)
    ctx.tracker.table(
        "preferences",
        ["prompt", "response_1", "response_2", "guidelines", "label", "decided_by"],
        [
            [
                r.prompt,
                r.response_1,
                r.response_2,
                " | ".join(("not " if g.negated else "") + g.name for g in r.guidelines),
                r.label,
                r.decided_by,
            ]
            for r in rows[: ctx.sample_rows]
        ],
        0,
    )
    log.info(
        "judge: %.0f%% of the judgements are ties; log-odds for the response shown first %+.2f, mean |score| %.3f",
        100 * metrics["judge/tie_rate"],
        metrics["judge/position_bias"],
        metrics["judge/abs_score"],
    )
