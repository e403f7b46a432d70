"""Direct preference optimisation on the judged pairs: a baseline without reward model and without sampling."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from salmon.config.schema import Config
from salmon.core.preference import dpo_loss, implicit_reward, pairwise_accuracy
from salmon.data.rows import Prompt
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.ppo.held_out import held_out_keys, held_out_metrics, split_prompts
from salmon.ppo.models import POLICY, REFERENCE
from salmon.preferences.artifact import judged_training_pairs
from salmon.preferences.judgements import JudgedPairs
from salmon.principles.selection import monitor_bank, reward_bank, rl_bank
from salmon.runtime.resumable import map_resumable
from salmon.sampling.responses import sample_sharded
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import read_metrics
from salmon.training.supervised import Objective, TrainingResult, TrainingRun, fit
from salmon.training.trainer import Trainer

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class Example:
    """A pair as tokens, with what the reference (the SFT policy) thinks of it."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    ref_chosen: float = 0.0  # log-prob of the whole response
    ref_rejected: float = 0.0


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Train the policy adapter ``policy/`` on the pairs of the training prompts that the RL principles decide."""
    shared = ctx.shared()
    for name in (POLICY, REFERENCE):
        shared.load_adapter(name, ctx.inputs["sft"].checkpoints["sft"])

    # 1. The judged pairs, labelled by the principles of the RL stage together.
    bank = reward_bank(cfg.principles)
    judged = judged_training_pairs(ctx.inputs["preferences"].path, bank, cfg.preferences.min_response_chars)
    labels = label(judged, rl_bank(cfg.principles).names, cfg.preferences.aggregation.require_agreement)
    counts = {"dpo/pairs": float(np.count_nonzero(labels)), "dpo/undecided": float(np.count_nonzero(labels == 0))}
    if not labels.any():
        raise SalmonError(
            f"dpo: the judge prefers neither response in any of {len(labels)} pairs. Raise "
            "preferences.num_prompts, or set preferences.aggregation.require_agreement=false"
        )

    # 2. Tokens, and the reference's log-probs, once.
    examples = encode(shared, judged, labels, cfg.preferences.sampling.max_new_tokens)
    examples = with_reference(cfg, ctx, shared, examples)

    # 3. Training, measured before and after on PPO's held-out prompts.
    _, held_out = split_prompts(cfg, shared.chat)
    evaluate(cfg, ctx, shared, held_out, step=0)
    trained = train(cfg, ctx, shared, examples)
    reached = evaluate(cfg, ctx, shared, held_out, step=trained.steps)
    ctx.write(lambda: shared.save_adapter(POLICY, ctx.work / "policy"))
    ctx.write(lambda: (ctx.work / "state.pt").unlink(missing_ok=True))
    return counts | {name: trained.metrics[name] for name in ("dpo/loss", "dpo/accuracy", "dpo/margin")} | reached


def label(judged: JudgedPairs, names: Sequence[str], require_agreement: bool) -> np.ndarray:
    """Labels [N]: +1 where response 1 is better by the sum of the named principles' scores, -1, or 0 (undecided).

    Raises:
        SalmonError: the pairs were judged by none of them.
    """
    common = [k for k, name in enumerate(judged.bank.names) if name in names]
    if not common:
        raise SalmonError(
            f"dpo: the pairs were judged by {', '.join(judged.bank.names)}, and none of these is among "
            f"the RL principles ({', '.join(names) or 'none'}), which decide what is preferred. Set "
            "principles.rl to a bank that shares names with principles.reward, and mind "
            "principles.include, principles.exclude and principles.reward_exclude"
        )
    return np.sign(judged.scores(require_agreement)[:, common].sum(axis=1)).astype(int)


def encode(shared: SharedModel, judged: JudgedPairs, labels: np.ndarray, max_new_tokens: int) -> list[Example]:
    """Tokens of the decided pairs.

    A response as long as sampling allows was cut off there; it gets no end token, as when it was sampled.
    """
    examples = []
    for pair, sign in zip(judged.pairs, labels, strict=True):
        one, two = (shared.chat.answer_ids(text)[:max_new_tokens] for text in (pair.response_1, pair.response_2))
        if sign:
            chosen, rejected = (one, two) if sign > 0 else (two, one)
            examples.append(Example(shared.chat.user_ids(pair.prompt), chosen, rejected))
    return examples


def with_reference(cfg: Config, ctx: StageContext, shared: SharedModel, examples: Sequence[Example]) -> list[Example]:
    """The examples with the reference's log-probs, kept in ``reference.jsonl``."""

    @torch.no_grad()
    def work(chunk: Sequence[Example]) -> list[dict]:
        with shared.using(REFERENCE):
            chosen, rejected = pair_logprobs(shared, chunk)
        return [{"ref_chosen": c, "ref_rejected": r} for c, r in zip(chosen.tolist(), rejected.tolist(), strict=True)]

    rows = map_resumable(
        ctx.work / "reference.jsonl", examples, cfg.dpo.train.micro_batch_size, work, "pairs read by the reference"
    )
    return [Example(e.prompt_ids, e.chosen_ids, e.rejected_ids, **row) for e, row in zip(examples, rows, strict=True)]


def pair_logprobs(shared: SharedModel, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
    """Log-probs [B] of the chosen and [B] of the rejected responses under the active adapter."""
    batch = token_batch(
        [e.prompt_ids for e in examples] * 2,
        [e.chosen_ids for e in examples] + [e.rejected_ids for e in examples],
        shared.tokenizer.pad_token_id,
        shared.device,
    )
    chosen, rejected = response_logprobs(shared, batch, temperature=1.0).sum(-1).split(len(examples))
    return chosen, rejected


def train(cfg: Config, ctx: StageContext, shared: SharedModel, examples: Sequence[Example]) -> TrainingResult:
    """Train the policy adapter; continues what an interrupted try did."""
    beta = cfg.dpo.beta

    def loss(batch: Sequence[Example], num_rows: float) -> tuple[Tensor, dict[str, float]]:
        chosen, rejected = pair_logprobs(shared, batch)
        ref_chosen = torch.tensor([e.ref_chosen for e in batch], device=shared.device)
        ref_rejected = torch.tensor([e.ref_rejected for e in batch], device=shared.device)
        rewards = (
            implicit_reward(chosen.detach(), ref_chosen, beta),
            implicit_reward(rejected.detach(), ref_rejected, beta),
        )
        share = len(batch) / num_rows
        return dpo_loss(chosen, rejected, ref_chosen, ref_rejected, beta, int(num_rows)), {
            "dpo/accuracy": pairwise_accuracy(*rewards).item() * share,
            "dpo/margin": (rewards[0] - rewards[1]).mean().item() * share,
        }

    with closing(Trainer(shared.parameters_of(POLICY), cfg.dpo.train.optim)) as trainer, shared.using(POLICY):
        return fit(
            trainer,
            examples,
            cfg.dpo.train,
            Objective(loss, weight=lambda _: 1),
            TrainingRun(
                "dpo",
                cfg.seed,
                ctx.work / "state.pt",
                ctx.tracker,
                shown=["dpo/loss", "dpo/accuracy", "dpo/margin", "optim/grad_norm"],
            ),
        )


@torch.no_grad()
def evaluate(
    cfg: Config, ctx: StageContext, shared: SharedModel, prompts: Sequence[Prompt], step: int
) -> dict[str, float]:
    """Length, KL and checks of the policy on held-out prompts, once a step: a continued stage finds them logged."""
    path = ctx.work / "metrics.jsonl"
    for row in world().on_main(lambda: read_metrics(path) if path.exists() else []):
        if row["step"] == step and "held_out/kl" in row:
            return {name: value for name, value in row.items() if name not in ("step", "time")}
    keys = held_out_keys(cfg.ppo.seed, prompts)
    responses = sample_sharded(ctx.sampler, shared, POLICY, prompts, cfg.ppo.sampling, keys)
    metrics = held_out_metrics(shared, monitor_bank(cfg.principles), prompts, responses, cfg.ppo)
    ctx.tracker.table(
        "responses",
        ["prompt", "response"],
        [[p.prompt, r.text] for p, r in zip(prompts, responses, strict=True)][: ctx.sample_rows],
        step,
    )
    ctx.tracker.log(step, metrics)
    log.info("held-out prompts after %d DPO steps: KL %.3f", step, metrics["held_out/kl"])
    return metrics
