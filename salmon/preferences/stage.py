"""Synthetic preferences: the SFT policy answers twice and judges itself, principle by principle (PAPER.md 2.2, 2.3)."""

import logging
from functools import partial
from pathlib import Path

from salmon.config.preferences import PairJudge
from salmon.config.schema import Config
from salmon.data.rows import write_jsonl
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.preferences.aggregation import aggregate, probes
from salmon.preferences.judgements import judge_all
from salmon.preferences.judges.factory import make_pairwise_judge
from salmon.preferences.pairs import usable_pairs
from salmon.preferences.prompts import select_preference_prompts
from salmon.preferences.report import compare_with_checks, preference_metrics, track_preferences
from salmon.preferences.sampling import sample_pairs
from salmon.principles.selection import reward_bank
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")

ADAPTER = "policy"


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Write the reward model's data (``rows.jsonl``, ``probes.jsonl``) and what it was made from (``pairs.jsonl``,
    ``judgements.jsonl``)."""
    settings, shared, bank = cfg.preferences, ctx.shared(), reward_bank(cfg.principles)

    # 1. The policy, its judge, and the prompts.
    prompts = select_preference_prompts(cfg, shared.chat)
    shared.load_adapter(ADAPTER, ctx.inputs["sft"].checkpoints["sft"])
    answers = Path(cfg.paths.cache).expanduser() / "judge_answers"
    judge = make_pairwise_judge(settings.judge, bank, shared, ADAPTER, answers)

    # 2. Pairs of the policy's answers to each prompt.
    sampled = sample_pairs(ctx, shared, ADAPTER, prompts.training + prompts.held_out, settings, cfg.seed)
    ctx.write(lambda: write_jsonl(ctx.work / "pairs.jsonl", sampled))
    pairs = usable_pairs(sampled, settings.min_response_chars)
    if not pairs:
        raise SalmonError(
            f"preferences: none of {len(sampled)} pairs has two different answers of at least "
            f"{settings.min_response_chars} characters; see {ctx.work}/pairs.jsonl"
        )

    # 3. Judgements: each pair by every principle, in both presentation orders.
    judging = partial(judge_all, ctx.work / "judgements.jsonl", judge, pairs, bank)
    if settings.judge.kind is PairJudge.server:  # its limit of concurrent requests and its cache are of one process
        judged, cut_tokens = world().on_main(judging)
    else:
        judged, cut_tokens = judging()
    if judge.usage:
        log.info("the judge was asked: %s", judge.usage)

    # 4. Rows: random principles, some negated, and the label that follows from their scores.
    held_out = {prompt.id for prompt in prompts.held_out}
    rows, undecided = aggregate(judged, settings.aggregation, held_out, cfg.seed)
    if not any(row.split == "train" for row in rows):
        raise SalmonError(
            "preferences: no training row is left (every judgement is a tie?); see "
            f"{ctx.work}/judgements.jsonl. Raise preferences.num_prompts"
        )
    for name, made in (
        ("rows", rows),
        ("probes", probes(judged, settings.aggregation, held_out)),
        ("held_out_pairs", [pair for pair in pairs if pair.prompt_id in held_out]),
    ):
        ctx.write(partial(write_jsonl, ctx.work / f"{name}.jsonl", made))

    # 5. Metrics: of the pairs, of the judge (the checks are compared with it, not with themselves), of the rows.
    metrics: dict[str, float] = {
        "pairs/sampled": len(sampled),
        "pairs/dropped": len(sampled) - len(pairs),
        "pairs/undecided": undecided,
        "judge/cut_tokens": cut_tokens,
    }
    if settings.judge.kind is not PairJudge.verifier:
        metrics |= compare_with_checks(ctx, judged, cfg.seed)
    metrics = {name: float(value) for name, value in (metrics | preference_metrics(judged, rows)).items()}
    track_preferences(ctx, metrics, rows)
    return metrics
