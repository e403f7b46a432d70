"""Direct preference optimisation on the judged pairs: a baseline without reward model and without sampling."""

import logging
from collections.abc import Sequence
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from salmon.baselines.dpo.examples import Example, encode_preferences, label, pair_logprobs, with_reference
from salmon.config.schema import Config
from salmon.core.preference import dpo_loss, implicit_reward, pairwise_accuracy
from salmon.distributed.world import world
from salmon.models.base import SharedModel
from salmon.ppo.held_out import held_out_metrics
from salmon.ppo.models import POLICY, REFERENCE
from salmon.ppo.prompts import PromptBatch, held_out_batch, select_ppo_prompts
from salmon.preferences.artifact import judged_training_pairs
from salmon.principles.selection import monitor_bank, reward_bank, rl_bank
from salmon.sampling.responses import sample_sharded
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import read_metrics
from salmon.training.supervised import Objective, TrainingResult, TrainingRun, fit
from salmon.training.trainer import Trainer

log = logging.getLogger("salmon")


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Train the policy adapter ``policy/`` on the pairs of the training prompts that the RL principles decide."""
    shared = ctx.shared()
    for name in (POLICY, REFERENCE):
        shared.load_adapter(name, ctx.inputs["sft"].checkpoints["sft"])

    # 1. The judged pairs, labelled by the principles of the RL stage together.
    preferences = cfg.preferences
    bank = reward_bank(cfg.principles)
    judged = judged_training_pairs(ctx.inputs["preferences"].path, bank, preferences.min_response_chars)
    labels = label(judged, rl_bank(cfg.principles).names, preferences.aggregation.require_agreement)
    counts = {"dpo/pairs": float(np.count_nonzero(labels)), "dpo/undecided": float(np.count_nonzero(labels == 0))}

    # 2. Tokens, and the reference's log-probs, once.
    examples = encode_preferences(shared, judged, labels, preferences.sampling.max_new_tokens)
    examples = with_reference(shared, examples, cfg.dpo.train.micro_batch_size, ctx.work / "reference.jsonl")

    # 3. Training, measured before and after on PPO's held-out prompts.
    held_out = held_out_batch(select_ppo_prompts(cfg, shared.chat).held_out, cfg.ppo.seed)
    evaluate_policy(cfg, ctx, shared, held_out, step=0)
    trained = train_dpo(cfg, ctx, shared, examples)
    reached = evaluate_policy(cfg, ctx, shared, held_out, step=trained.steps)

    # 4. The policy, and what the run reached.
    ctx.write(lambda: shared.save_adapter(POLICY, ctx.work / "policy"))
    return counts | {name: trained.metrics[name] for name in ("dpo/loss", "dpo/accuracy", "dpo/margin")} | reached


def train_dpo(cfg: Config, ctx: StageContext, shared: SharedModel, examples: Sequence[Example]) -> TrainingResult:
    """Train the policy adapter, or continue what an interrupted try did."""
    beta = cfg.dpo.beta

    def loss(batch: Sequence[Example], num_rows: int) -> tuple[Tensor, dict[str, float]]:
        chosen, rejected = pair_logprobs(shared, batch)
        ref_chosen = torch.tensor([e.ref_chosen for e in batch], device=shared.device)
        ref_rejected = torch.tensor([e.ref_rejected for e in batch], device=shared.device)
        rewards = (
            implicit_reward(chosen.detach(), ref_chosen, beta),
            implicit_reward(rejected.detach(), ref_rejected, beta),
        )
        share = len(batch) / num_rows  # of the optimiser step's rows
        return dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta, num_rows), {
            "dpo/accuracy": pairwise_accuracy(*rewards).item() * share,
            "dpo/margin": (rewards[0] - rewards[1]).mean().item() * share,
        }

    with closing(Trainer(shared.parameters_of(POLICY), cfg.dpo.train.optim)) as trainer, shared.using(POLICY):
        return fit(
            trainer,
            examples,
            cfg.dpo.train,
            Objective(loss, denominator=len, size=lambda example: example.num_tokens),
            TrainingRun(
                "dpo",
                cfg.seed,
                ctx.state / "state.pt",
                shared.tokens_at_once,
                ctx.tracker,
                shown=["dpo/loss", "dpo/accuracy", "dpo/margin", "optim/grad_norm"],
            ),
        )


@torch.no_grad()
def evaluate_policy(
    cfg: Config, ctx: StageContext, shared: SharedModel, held_out: PromptBatch, step: int
) -> dict[str, float]:
    """Log length, KL and checks of the policy on held-out prompts, unless an interrupted try logged them already."""
    path = ctx.work / "metrics.jsonl"
    for row in world().on_main(lambda: read_metrics(path) if path.exists() else []):
        if row["step"] == step and "held_out/kl" in row:
            return {name: value for name, value in row.items() if name not in ("step", "time")}
    responses = sample_sharded(ctx.sampler, shared, POLICY, held_out.prompts, cfg.ppo.sampling, held_out.keys)
    metrics = held_out_metrics(shared, monitor_bank(cfg.principles), held_out.prompts, responses, cfg.ppo)
    ctx.tracker.table(
        "responses",
        ["prompt", "response"],
        [[p.prompt, r.text] for p, r in zip(held_out.prompts, responses, strict=True)][: ctx.sample_rows],
        step,
    )
    ctx.tracker.log(step, metrics)
    log.info("held-out prompts after %d DPO steps: KL %.3f", step, metrics["held_out/kl"])
    return metrics
