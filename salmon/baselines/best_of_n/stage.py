"""The best of n answers of the SFT policy by the reward: a baseline that trains nothing."""

import logging
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch

from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.ppo.models import POLICY
from salmon.ppo.monitor import check_metrics
from salmon.ppo.prompts import held_out_batch, select_ppo_prompts
from salmon.ppo.setup import RolloutSetup, load_rollout_setup
from salmon.principles.bank import Bank
from salmon.runtime.resumable import map_resumable
from salmon.sampling.responses import sample_responses
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class Candidate:
    """One of the n answers to a prompt."""

    text: str
    length: int  # tokens
    score: float  # of the reward function
    reward: float  # score + penalty + bonus


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Sample, score and choose on PPO's held-out prompts; ``candidates.jsonl`` holds every answer.

    Logged as PPO's held-out metrics are: step 0 is the first sample (the SFT policy), step 1 the best of n.
    """
    # 1. Models and reward, as PPO has them, and the held-out prompts.
    setup, n = load_rollout_setup(cfg, ctx, with_value_model=False), cfg.best_of_n.n
    prompts = select_ppo_prompts(cfg, setup.models.shared.chat).held_out

    # 2. The candidates of each prompt.
    def work(chunk: Sequence[Prompt]) -> list[dict]:
        return [
            {"prompt_id": prompt.id, "candidates": [asdict(candidate) for candidate in found]}
            for prompt, found in zip(chunk, sample_candidates(setup, chunk, n), strict=True)
        ]

    chunk_size = max(1, cfg.ppo.sampling.batch_size // n)
    rows = map_resumable(ctx.work / "candidates.jsonl", prompts, chunk_size, work, f"prompts with {n} answers")
    candidates = [[Candidate(**candidate) for candidate in row["candidates"]] for row in rows]

    # 3. The metrics of the first sample, then of the best.
    ctx.tracker.rewind(-1)
    track_best_of_n(ctx, setup, prompts, [found[0] for found in candidates], n=1, step=0)
    return track_best_of_n(ctx, setup, prompts, [best(found) for found in candidates], n=n, step=1)


@torch.no_grad()
def sample_candidates(setup: RolloutSetup, prompts: Sequence[Prompt], n: int) -> list[list[Candidate]]:
    """n answers [B][n] of the SFT policy, scored under the principles that PPO's evaluation draws for the prompt."""
    ppo, repeated = setup.ppo, [prompt for prompt in prompts for _ in range(n)]
    keys = [(ppo.seed, "best of n", prompt.id, number) for prompt in prompts for number in range(n)]
    responses = sample_responses(setup.sampler, setup.models.shared, POLICY, repeated, ppo.sampling, keys)
    principles = setup.principles_of(held_out_batch(prompts, ppo.seed))
    scored = setup.score(repeated, responses, [shown for shown in principles for _ in range(n)])
    candidates = [
        Candidate(response.text, len(response.ids), score, reward)
        for response, score, reward in zip(responses, scored.scores.tolist(), scored.total.tolist(), strict=True)
    ]
    return [candidates[start : start + n] for start in range(0, len(candidates), n)]


def best(candidates: Sequence[Candidate]) -> Candidate:
    """The answer with the highest reward; of equal ones the first."""
    return max(candidates, key=lambda candidate: candidate.reward)


def kl_bound(n: int) -> float:
    """``log n - (n - 1) / n`` in nats: the KL of best-of-n from the policy that it samples from is at most this.

    The formula is from Stiennon et al. 2020 (arXiv 2009.01325, appendix G.3); that it bounds from above is shown by
    Beirami et al. 2024 (arXiv 2401.01879).
    """
    return math.log(n) - (n - 1) / n


def track_best_of_n(
    ctx: StageContext,
    setup: RolloutSetup,
    prompts: Sequence[Prompt],
    answers: Sequence[Candidate],
    n: int,
    step: int,
) -> dict[str, float]:
    """Log one answer per prompt, chosen among n, as PPO's held-out metrics; the KL is its upper bound."""
    metrics = best_of_n_metrics(setup.monitor, prompts, answers) | {"held_out/kl": kl_bound(n)}
    ctx.tracker.log(step, metrics)
    ctx.tracker.table(
        "responses",
        ["prompt", "response", "score"],
        [[p.prompt, a.text, a.score] for p, a in zip(prompts, answers, strict=True)][: ctx.sample_rows],
        step,
    )
    log.info("best of %d: reward %.3f, KL at most %.3f", n, metrics["held_out/reward"], metrics["held_out/kl"])
    return metrics


def best_of_n_metrics(
    monitor: Bank | None, prompts: Sequence[Prompt], answers: Sequence[Candidate]
) -> dict[str, float]:
    """PPO's held-out metrics of one answer per prompt, without the KL."""
    count = len(answers)
    return {
        "held_out/reward": sum(answer.reward for answer in answers) / count,
        "held_out/score": sum(answer.score for answer in answers) / count,
        "held_out/length": sum(answer.length for answer in answers) / count,
    } | check_metrics(monitor, prompts, [answer.text for answer in answers], "held_out/")
