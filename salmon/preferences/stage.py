"""Synthetic preferences: the SFT policy answers twice and judges itself, principle by principle (PAPER.md 2.2, 2.3)."""

import logging
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from salmon.config.preferences import PairJudge, PreferencesConfig
from salmon.config.schema import Config
from salmon.core.aggregation import combine_orders, position_bias
from salmon.data.rows import Judgement, PreferenceRow, Prompt, write_jsonl
from salmon.data.styles import draw_styles, exchange, restyle, whole_sentences
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.preferences.judges.agreement import agreement_with_checks, as_metrics, markdown
from salmon.preferences.judges.interface import Judge, make_judge
from salmon.preferences.judging import Pair
from salmon.preferences.labelling import JudgedPairs, aggregate, probes, usable_pairs
from salmon.principles.bank import Bank
from salmon.principles.chosen import reward_bank
from salmon.runtime.resumable import map_resumable
from salmon.runtime.seeding import stream
from salmon.sampling.prompts import select_prompts
from salmon.sampling.responses import sample_responses
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")

ADAPTER = "policy"
PAIRS_PER_CHUNK = 4


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Write the reward model's data (``rows.jsonl``, ``probes.jsonl``) and what it came from (``pairs.jsonl``,
    ``judgements.jsonl``)."""
    shared = ctx.shared()
    bank = reward_bank(cfg.principles)
    prompts = select_prompts(
        cfg.prompts.preferences, cfg.prompts, cfg.preferences.num_prompts, shared.chat, cfg.seed, "preferences"
    )
    shared.load_adapter(ADAPTER, ctx.inputs["sft"].checkpoints["sft"])

    judge = make_judge(
        cfg.preferences.judge, bank, shared, ADAPTER, Path(cfg.paths.cache).expanduser() / "judge_answers"
    )

    # 1. Two answers to each prompt.
    pairs = sample_pairs(cfg, ctx, shared, prompts)
    kept = usable_pairs(pairs, cfg.preferences.min_response_chars)
    if not kept:
        raise SalmonError(
            f"preferences: none of {len(pairs)} pairs has two different answers of at least "
            f"{cfg.preferences.min_response_chars} characters; see {ctx.work}/pairs.jsonl"
        )

    # 2. The judgements: every principle, both orders.
    if cfg.preferences.judge.kind is PairJudge.server:  # its requests at a time, and its cache, are one process's
        judged, cut = world().on_main(lambda: judge_all(ctx, judge, kept, bank))
    else:
        judged, cut = judge_all(ctx, judge, kept, bank)

    # 3. Rows: random principles, some negated, and the label that follows from their scores.
    prompt_ids = list(dict.fromkeys(pair.prompt_id for pair in kept))
    held_out = held_out_prompts(prompt_ids, cfg.preferences.held_out_fraction, cfg.seed)
    rows, skipped = aggregate(judged, cfg.preferences.aggregation, held_out, cfg.seed)
    if not any(row.split == "train" for row in rows):
        raise SalmonError(
            "preferences: no training row is left (every judgement is a tie?); see "
            f"{ctx.work}/judgements.jsonl. Raise preferences.num_prompts"
        )
    for name, made in (
        ("rows", rows),
        ("probes", probes(judged, cfg.preferences.aggregation, held_out)),
        ("held_out_pairs", [pair for pair in kept if pair.prompt_id in held_out]),
    ):
        ctx.write(partial(write_jsonl, ctx.work / f"{name}.jsonl", made))
    counts = {
        "pairs/sampled": len(pairs),
        "pairs/dropped": len(pairs) - len(kept),
        "pairs/undecided": skipped,
        "judge/cut_tokens": cut,
    }
    return report(ctx, judged, rows, counts | checked_judge(cfg, ctx, judged))


def checked_judge(cfg: Config, ctx: StageContext, judged: JudgedPairs) -> dict[str, float]:
    """How often the judge agrees with the checks of the principles that have one; also as agreement.md."""
    agreement = agreement_with_checks(judged.pairs, judged.judgements, judged.bank, cfg.seed)
    if agreement is None or cfg.preferences.judge.kind is PairJudge.verifier:
        return {}  # nothing to compare with, or with itself
    ctx.write(lambda: (ctx.work / "agreement.md").write_text(markdown(agreement), encoding="utf-8"))
    log.info("judge against the principles' checks:\n%s", markdown(agreement))
    return as_metrics(agreement)


def sample_pairs(cfg: Config, ctx: StageContext, shared: SharedModel, prompts: Sequence[Prompt]) -> list[Pair]:
    """Independent samples of the policy, put together in pairs; restyled, if the config says so."""
    settings = cfg.preferences
    count = settings.samples_per_prompt

    def work(chunk: Sequence[tuple[Prompt, int]]) -> list[dict]:
        keys = [(cfg.seed, "pair", prompt.id, number) for prompt, number in chunk]
        answers = sample_responses(
            ctx.sampler, shared, ADAPTER, [prompt for prompt, _ in chunk], settings.sampling, keys
        )
        return [
            {"prompt_id": prompt.id, "text": answer.text} for (prompt, _), answer in zip(chunk, answers, strict=True)
        ]

    tasks = [(prompt, number) for prompt in prompts for number in range(count)]
    rows = map_resumable(ctx.work / "samples.jsonl", tasks, settings.sampling.batch_size, work, "samples")
    texts = [row["text"] for row in rows]
    pairs = [
        pair
        for i, prompt in enumerate(prompts)
        for pair in pair_up(prompt, texts[i * count : (i + 1) * count], settings, cfg.seed)
    ]
    ctx.write(lambda: write_jsonl(ctx.work / "pairs.jsonl", pairs))
    return pairs


def pair_up(prompt: Prompt, samples: Sequence[str], settings: PreferencesConfig, seed: int) -> list[Pair]:
    """``pairs_per_prompt`` pairs of samples, restyled if there are styles.

    Without styles, the first of two samples is response 1. A contrast pair is ONE sample in two sets of styles, one
    style of the first being exchanged for another in the second.
    """
    pairs = []
    for number in range(settings.pairs_per_prompt):
        key = (seed, "pair up", prompt.id, number)
        rng = stream(*key)
        first, second = rng.permutation(len(samples))[:2] if settings.styles or len(samples) > 2 else (0, 1)
        one, two = samples[first], samples[second]
        if settings.styles:
            styles = draw_styles(settings.styles, rng)
            if rng.random() < settings.contrast:
                two, which = one, 1  # the same random choices
                styles, others = exchange(styles, settings.styles, rng)
            else:
                others, which = draw_styles(settings.styles, rng), 2
            one = restyle(whole_sentences(one), styles, *key, 1)
            two = restyle(whole_sentences(two), others, *key, which)
        pairs.append(Pair(prompt.id, prompt.prompt, one, two, number))
    return pairs


def judge_all(ctx: StageContext, judge: Judge, pairs: Sequence[Pair], bank: Bank) -> tuple[JudgedPairs, int]:
    """Judge all pairs; also counts the tokens that did not fit the judge's limit."""

    def work(chunk: Sequence[Pair]) -> list[dict]:
        return [asdict(judged) for judged in judge.judge(chunk)]

    rows = map_resumable(ctx.work / "judgements.jsonl", pairs, PAIRS_PER_CHUNK, work, "judged pairs")
    judgements = [[Judgement(**j) for j in row["judgements"]] for row in rows]
    return JudgedPairs(list(pairs), judgements, bank), sum(row["cut_tokens"] for row in rows)


def held_out_prompts(prompt_ids: Sequence[str], fraction: float, seed: int) -> set[str]:
    """The prompts whose pairs measure the reward model; at least one stays for training."""
    count = min(round(fraction * len(prompt_ids)), len(prompt_ids) - 1)
    order = stream(seed, "held out").permutation(len(prompt_ids))
    return {prompt_ids[i] for i in order[:count]}


def report(
    ctx: StageContext, judged: JudgedPairs, rows: Sequence[PreferenceRow], counts: dict[str, float]
) -> dict[str, float]:
    """Position bias, ties and score of each principle; how labels came about."""
    forward, backward = judged.forward, judged.backward  # [N, K]
    scores = np.array(
        [[combine_orders(f, b) for f, b in zip(fs, bs, strict=True)] for fs, bs in zip(forward, backward, strict=True)]
    )  # [N, K, (score, tie)]
    bias = position_bias(forward, backward)
    metrics = dict(counts) | {
        "judge/tie_rate": scores[..., 1].mean(),
        "judge/position_bias": bias.mean(),
        "judge/abs_score": np.abs(scores[..., 0]).mean(),
        "pairs/rows_train": sum(row.split == "train" for row in rows),
        "pairs/rows_held_out": sum(row.split == "held_out" for row in rows),
        "pairs/flipped_rate": np.mean([row.flipped for row in rows]),
        "pairs/veto_rate": np.mean([row.decided_by.startswith("veto:") for row in rows]),
    }
    for k, principle in enumerate(judged.bank.principles):
        metrics |= {
            f"judge/{principle.name}/tie_rate": scores[:, k, 1].mean(),
            f"judge/{principle.name}/position_bias": bias[:, k].mean(),
            f"judge/{principle.name}/mean_score": scores[:, k, 0].mean(),
        }
    metrics = {name: float(value) for name, value in metrics.items()}
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
        "judge: orders disagree on %.0f%% of the judgements; log-odds for the first place %+.2f, mean |score| %.3f",
        100 * metrics["judge/tie_rate"],
        metrics["judge/position_bias"],
        metrics["judge/abs_score"],
    )
    return metrics
