"""Synthetic preferences: the SFT policy answers twice and judges itself, principle by principle (PAPER.md 2.2, 2.3)."""

import logging
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from salmon.config.schema import Config
from salmon.core.aggregation import combine_orders, position_bias
from salmon.data.rows import Judgement, PreferenceRow, Prompt, write_jsonl
from salmon.data.selection import select_prompts
from salmon.errors import SalmonError
from salmon.judging import Pair, judge_pair
from salmon.models.base import SharedModel
from salmon.preferences import JudgedPairs, aggregate, probes
from salmon.principles.bank import Bank, load_bank
from salmon.rollout import sample_responses
from salmon.runtime.journal import map_in_chunks
from salmon.runtime.seeding import stream
from salmon.runtime.store import storage_errors
from salmon.stages.context import StageContext

log = logging.getLogger("salmon")

ADAPTER = "policy"
PAIRS_PER_CHUNK = 4


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Write the reward model's data (``rows.jsonl``, ``probes.jsonl``) and what it came from (``pairs.jsonl``,
    ``judgements.jsonl``)."""
    shared = ctx.shared()
    bank = load_bank(cfg.principles.reward, exclude=cfg.principles.reward_exclude)
    prompts = select_prompts(cfg.prompts.preferences, cfg.prompts, cfg.preferences.num_prompts, shared.chat, cfg.seed,
                             "preferences")
    shared.load_adapter(ADAPTER, ctx.inputs["sft"].checkpoints["sft"])

    # 1. Two answers to each prompt.
    pairs = sample_pairs(cfg, ctx, shared, prompts)
    kept = usable_pairs(pairs, cfg.preferences.min_response_chars)
    if not kept:
        raise SalmonError(f"preferences: none of {len(pairs)} pairs has two different answers of at least "
                          f"{cfg.preferences.min_response_chars} characters; see {ctx.work}/pairs.jsonl")

    # 2. The judgements: every principle, both orders.
    judged, cut = judge(cfg, ctx, shared, kept, bank)

    # 3. Rows: random principles, some negated, and the label that follows from their scores.
    held_out = held_out_prompts([pair.prompt_id for pair in kept], cfg.preferences.held_out_fraction, cfg.seed)
    rows, skipped = aggregate(judged, cfg.preferences.aggregation, held_out, cfg.seed)
    if not any(row.split == "train" for row in rows):
        raise SalmonError("preferences: no training row is left (every judgement is a tie?); see "
                          f"{ctx.work}/judgements.jsonl. Raise preferences.num_prompts")
    with storage_errors(ctx.work):
        write_jsonl(ctx.work / "rows.jsonl", rows)
        write_jsonl(ctx.work / "probes.jsonl", probes(judged, cfg.preferences.aggregation, held_out))
    return report(ctx, judged, rows, {"pairs/sampled": len(pairs), "pairs/dropped": len(pairs) - len(kept),
                                      "pairs/undecided": skipped, "judge/cut_tokens": cut})


def sample_pairs(cfg: Config, ctx: StageContext, shared: SharedModel, prompts: Sequence[Prompt]) -> list[Pair]:
    """Two independent samples a prompt."""

    def work(chunk: Sequence[Prompt]) -> list[dict]:
        keys = [(cfg.seed, "pair", prompt.id, which) for prompt in chunk for which in (1, 2)]
        doubled = [prompt for prompt in chunk for _ in (1, 2)]
        answers = sample_responses(shared, ADAPTER, doubled, cfg.preferences.sampling, keys)
        return [asdict(Pair(prompt.id, prompt.prompt, answers[2 * i].text, answers[2 * i + 1].text))
                for i, prompt in enumerate(chunk)]

    chunk_size = max(1, cfg.preferences.sampling.batch_size // 2)
    return [Pair(**row) for row in map_in_chunks(ctx.work / "pairs.jsonl", prompts, chunk_size, work, "pairs")]


def usable_pairs(pairs: Sequence[Pair], min_chars: int) -> list[Pair]:
    """Pairs of two long enough, different answers."""
    return [pair for pair in pairs
            if min(len(pair.response_1), len(pair.response_2)) >= min_chars and pair.response_1 != pair.response_2]


def judge(cfg: Config, ctx: StageContext, shared: SharedModel, pairs: Sequence[Pair], bank: Bank
          ) -> tuple[JudgedPairs, int]:
    """Judge all pairs; also counts the tokens that did not fit the judge's limit."""
    def work(chunk: Sequence[Pair]) -> list[dict]:
        with shared.using(ADAPTER):
            return [asdict(judge_pair(shared, pair, bank.principles, cfg.preferences.judge_max_tokens))
                    for pair in chunk]

    rows = map_in_chunks(ctx.work / "judgements.jsonl", pairs, PAIRS_PER_CHUNK, work, "judged pairs")
    judgements = [[Judgement(**j) for j in row["judgements"]] for row in rows]
    return JudgedPairs(list(pairs), judgements, bank), sum(row["cut_tokens"] for row in rows)


def held_out_prompts(prompt_ids: Sequence[str], fraction: float, seed: int) -> set[str]:
    """The prompts whose pairs measure the reward model; at least one stays for training."""
    count = min(round(fraction * len(prompt_ids)), len(prompt_ids) - 1)
    order = stream(seed, "held out").permutation(len(prompt_ids))
    return {prompt_ids[i] for i in order[:count]}


def report(ctx: StageContext, judged: JudgedPairs, rows: Sequence[PreferenceRow], counts: dict[str, float]
           ) -> dict[str, float]:
    """Position bias, ties and score of each principle; how labels came about."""
    forward, backward = judged.forward, judged.backward  # [N, K]
    scores = np.array([[combine_orders(f, b) for f, b in zip(fs, bs, strict=True)]
                       for fs, bs in zip(forward, backward, strict=True)])  # [N, K, (score, tie)]
    bias = position_bias(forward, backward)
    metrics = dict(counts) | {
        "judge/tie_rate": scores[..., 1].mean(), "judge/position_bias": bias.mean(),
        "judge/abs_score": np.abs(scores[..., 0]).mean(),
        "pairs/rows_train": sum(row.split == "train" for row in rows),
        "pairs/rows_held_out": sum(row.split == "held_out" for row in rows),
        "pairs/flipped_rate": np.mean([row.flipped for row in rows]),
        "pairs/veto_rate": np.mean([row.decided_by.startswith("veto:") for row in rows]),
    }
    for k, principle in enumerate(judged.bank.principles):
        metrics |= {f"judge/{principle.name}/tie_rate": scores[:, k, 1].mean(),
                    f"judge/{principle.name}/position_bias": bias[:, k].mean(),
                    f"judge/{principle.name}/mean_score": scores[:, k, 0].mean()}
    metrics = {name: float(value) for name, value in metrics.items()}
    ctx.tracker.rewind(-1)
    ctx.tracker.log(0, metrics)
    ctx.tracker.table("preferences", ["prompt", "response_1", "response_2", "guidelines", "label", "decided_by"],
                      [[r.prompt, r.response_1, r.response_2,
                        " | ".join(("not " if g.negated else "") + g.name for g in r.guidelines), r.label, r.decided_by]
                       for r in rows[: ctx.sample_rows]], 0)
    log.info("judge: orders disagree on %.0f%% of the judgements; log-odds for the first place %+.2f, mean |score| "
             "%.3f", 100 * metrics["judge/tie_rate"], metrics["judge/position_bias"], metrics["judge/abs_score"])
    return metrics
