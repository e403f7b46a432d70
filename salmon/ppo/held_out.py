"""Measuring a policy on PPO's held-out prompts (PPO, DPO and best-of-n report the same metrics)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from salmon.config.ppo import PPOConfig
from salmon.data.rows import Prompt
from salmon.models.base import SharedModel
from salmon.models.forward import token_batch
from salmon.ppo.models import POLICY, REFERENCE
from salmon.ppo.monitor import check_metrics, check_scores
from salmon.ppo.passes import policy_logprobs
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.setup import RolloutSetup
from salmon.principles.bank import Bank
from salmon.sampling.responses import Response, sample_sharded
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class HeldOutValues:
    """Of each held-out prompt's response."""

    rewards: list[float]
    checks: dict[str, list[float]]  # by the monitored principle's name


@torch.no_grad()
def evaluate_held_out(setup: RolloutSetup, held_out: PromptBatch, ctx: StageContext, step: int) -> HeldOutValues:
    """Log the held-out metrics of the policy after ``step`` updates."""
    # 1. Responses, with the same random keys and principles at every step.
    shared, prompts = setup.models.shared, held_out.prompts
    responses = sample_sharded(setup.sampler, shared, POLICY, prompts, setup.ppo.sampling, held_out.keys)
    principles = setup.principles_of(held_out)

    # 2. Their rewards, and what else is measured.
    scored = setup.score(prompts, responses, principles)
    metrics = held_out_metrics(shared, setup.monitor, prompts, responses, setup.ppo)
    reward = scored.total.mean().item()

    # 3. Report.
    ctx.tracker.log(step, {"held_out/reward": reward, "held_out/score": scored.scores.mean().item(), **metrics})
    ctx.tracker.table(
        "responses",
        ["prompt", "principles", "response", "score"],
        [
            [p.prompt, ", ".join(x.name for x in shown), r.text, value]
            for p, shown, r, value in zip(prompts, principles, responses, scored.scores.tolist(), strict=True)
        ][: ctx.sample_rows],
        step,
    )
    log.info("held-out prompts after %d updates: reward %.3f, KL %.3f", step, reward, metrics["held_out/kl"])
    checks = check_scores(setup.monitor, prompts, [response.text for response in responses])
    return HeldOutValues(scored.total.tolist(), checks)


def held_out_metrics(
    shared: SharedModel, monitor: Bank | None, prompts: Sequence[Prompt], responses: Sequence[Response], ppo: PPOConfig
) -> dict[str, float]:
    """Length, KL from the reference, and the monitored checks of the policy's responses."""
    lengths = [len(response.ids) for response in responses]
    return {
        "held_out/length": sum(lengths) / len(lengths),
        "held_out/kl": held_out_kl(shared, responses, ppo),
        **check_metrics(monitor, prompts, [response.text for response in responses], "held_out/"),
    }


def held_out_kl(shared: SharedModel, responses: Sequence[Response], ppo: PPOConfig) -> float:
    """KL, in nats per response, of the policy from the reference; the policy must have sampled the responses."""
    batch = token_batch([r.prompt_ids for r in responses], [r.ids for r in responses], shared.pad_id, shared.device)
    logprobs, reference = (policy_logprobs(shared, batch, adapter, ppo) for adapter in (POLICY, REFERENCE))
    return (logprobs - reference).sum(-1).mean().item()
