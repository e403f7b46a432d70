"""The reward model's choice among n answers of the SFT policy: a baseline that trains nothing."""

import logging
import math
from collections.abc import Sequence

import torch

from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.ppo.held_out import held_out_keys, split_prompts
from salmon.ppo.models import POLICY, Actors, load_actors
from salmon.ppo.monitor import check_metrics
from salmon.ppo.rollout import RewardRule, reward_rule, score
from salmon.runtime.resumable import map_resumable
from salmon.sampling.responses import sample_responses
from salmon.sampling.sampler import Sampler
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")

Candidate = dict  # {"text", "length" in tokens, "score" of the reward model, "reward": score + penalty + bonus}


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Sample, score and choose on PPO's held-out prompts; ``candidates.jsonl`` holds every answer.

    Logged as PPO's held-out metrics are: step 0 is the first sample (the SFT policy), step 1 the best of n.
    """
    # The value model is loaded with the others and never used.
    actors = load_actors(
        ctx.shared(), ctx.inputs["sft"].checkpoints["sft"], ctx.inputs["reward"].path / "reward", cfg.ppo.value_init
    )
    rule, n = reward_rule(cfg), cfg.best_of_n.n
    _, prompts = split_prompts(cfg, actors.shared.chat)

    def work(chunk: Sequence[Prompt]) -> list[dict]:
        return [
            {"prompt_id": prompt.id, "candidates": found}
            for prompt, found in zip(chunk, candidates(ctx.sampler, actors, rule, chunk, n, cfg.ppo.seed), strict=True)
        ]

    rows = map_resumable(
        ctx.work / "candidates.jsonl",
        prompts,
        max(1, cfg.ppo.sampling.batch_size // n),
        work,
        f"prompts with {n} answers",
    )
    ctx.tracker.rewind(-1)
    metrics: dict[str, float] = {}
    for step, chosen, kl in (
        (0, [row["candidates"][0] for row in rows], 0.0),
        (1, [best(row["candidates"]) for row in rows], kl_bound(n)),
    ):
        metrics = held_out(rule, prompts, chosen) | {"held_out/kl": kl}
        ctx.tracker.log(step, metrics)
        ctx.tracker.table(
            "responses",
            ["prompt", "response", "score"],
            [[p.prompt, c["text"], c["score"]] for p, c in zip(prompts, chosen, strict=True)][: ctx.sample_rows],
            step,
        )
        log.info("best of %d: reward %.3f, KL at most %.3f", n if step else 1, metrics["held_out/reward"], kl)
    return metrics


@torch.no_grad()
def candidates(
    sampler: Sampler, actors: Actors, rule: RewardRule, prompts: Sequence[Prompt], n: int, seed: int
) -> list[list[Candidate]]:
    """n answers [B][n] of the SFT policy, scored under the principles that PPO's evaluation draws for the prompt."""
    repeated = [prompt for prompt in prompts for _ in range(n)]
    keys = [(seed, "best of n", prompt.id, number) for prompt in prompts for number in range(n)]
    responses = sample_responses(sampler, actors.shared, POLICY, repeated, rule.ppo.sampling, keys)
    drawn = [
        rule.principles_for(prompt, *key) for prompt, key in zip(prompts, held_out_keys(seed, prompts), strict=True)
    ]
    scored = score(actors, rule, repeated, responses, [shown for shown in drawn for _ in range(n)])
    rows = [
        {"text": response.text, "length": len(response.ids), "score": value, "reward": total}
        for response, value, total in zip(responses, scored.scores.tolist(), scored.total.tolist(), strict=True)
    ]
    return [rows[start : start + n] for start in range(0, len(rows), n)]


def best(found: Sequence[Candidate]) -> Candidate:
    """The answer with the highest reward; of equal ones the first."""
    return max(found, key=lambda candidate: candidate["reward"])


def kl_bound(n: int) -> float:
    """``log n - (n - 1) / n`` in nats: the KL of best-of-n from the policy that it samples from is at most this.

    The formula is from Stiennon et al. 2020 (arXiv 2009.01325, appendix G.3); that it bounds from above is shown by
    Beirami et al. 2024 (arXiv 2401.01879).
    """
    return math.log(n) - (n - 1) / n


def held_out(rule: RewardRule, prompts: Sequence[Prompt], chosen: Sequence[Candidate]) -> dict[str, float]:
    """PPO's held-out metrics of one answer a prompt, without the KL."""
    means = {key: sum(candidate[key] for candidate in chosen) / len(chosen) for key in ("reward", "score", "length")}
    return {f"held_out/{key}": value for key, value in means.items()} | check_metrics(
        rule.monitor, prompts, [candidate["text"] for candidate in chosen], "held_out/"
    )
