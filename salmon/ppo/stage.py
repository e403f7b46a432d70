"""PPO against the instructable reward model (PAPER.md 2.5-2.7)."""

import logging
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import torch

from salmon.config.ppo import PPOConfig
from salmon.config.schema import Config
from salmon.core.kl import next_kl_coefficient
from salmon.data.rows import Prompt
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.models.heads import save_scalar_model
from salmon.ppo.held_out import held_out_keys, held_out_metrics, split_prompts
from salmon.ppo.models import POLICY, VALUE, Actors, load_actors
from salmon.ppo.rollout import Experience, RewardRule, collect, reward_rule, score
from salmon.ppo.update import update
from salmon.runtime.environment import peak_memory_gib
from salmon.runtime.health import PPOHealth
from salmon.runtime.progress import Progress
from salmon.runtime.seeding import stream
from salmon.sampling.responses import sample_sharded
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import read_metrics
from salmon.training.trainer import Trainer

log = logging.getLogger("salmon")


@dataclass
class State:
    """What a checkpoint holds besides the trained tensors."""

    kl_coefficient: float
    step: int = 0  # finished updates
    baseline: float | None = None  # held-out reward before the first update
    best: float | None = None  # highest held-out reward after an update
    best_step: int = 0


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Train the policy; writes ``best/policy`` (by held-out reward), ``last/policy`` and ``last/value``.

    ``checkpoints/step_N`` is the policy after N updates, for every multiple N of ``ppo.keep_every``.
    """
    ppo, shared = cfg.ppo, ctx.shared()
    actors = load_actors(
        shared, ctx.inputs["sft"].checkpoints["sft"], ctx.inputs["reward"].path / "reward", ppo.value_init
    )
    rule = reward_rule(cfg)
    training, held_out = enough_prompts(cfg, actors)
    batches = schedule(training, ppo)

    # The policy is frozen while the critic warms up.
    trainer = Trainer(actors.trained, ppo.optim, sometimes_frozen=shared.parameters_of(POLICY))
    checkpoint = ctx.work / "state.pt"
    saved = trainer.load(checkpoint)
    state = State(**saved) if saved else State(kl_coefficient=ppo.kl.coefficient)
    ctx.tracker.rewind(state.step if saved else -1)
    health = PPOHealth()
    health.restore(world().on_main(lambda: _history(ctx.work)))
    progress = Progress(len(batches), "updates", start=state.step)
    if state.baseline is None:
        state.baseline = evaluate(actors, rule, held_out, ctx, step=0)

    for step in range(state.step + 1, len(batches) + 1):
        began = time.perf_counter()
        # 1. Prompts of this update, each with a random stream of its own.
        prompts, keys = batches[step - 1]
        # 2. Rollout -> score under sampled principles -> shaped rewards -> advantages.
        zero = state.baseline if ppo.shaping.center else 0.0
        experience = collect(ctx.sampler, actors, rule, prompts, keys, step, state.kl_coefficient, zero)
        # 3. Inner epochs of clipped policy and value updates.
        metrics = experience.metrics | update(actors, trainer, experience, ppo, step, len(batches), ppo.seed)
        # 4. KL controller.
        if ppo.kl.adaptive:
            state.kl_coefficient = next_kl_coefficient(
                state.kl_coefficient, metrics["objective/kl"], ppo.kl.target, ppo.kl.horizon, ppo.rollout_batch
            )
        # 5. Report, and name what is wrong.
        metrics |= cost(experience, time.perf_counter() - began)
        for diagnosis in health.check(step, metrics, [r.text for r in experience.scored.responses]):
            log.warning(diagnosis.message)
        ctx.tracker.log(step, metrics | health.metrics)
        progress.advance(
            score=metrics["objective/score"],
            kl=metrics["objective/kl"],
            value_error=metrics["value/error"],
            clip=metrics.get("policy/clip_fraction", 0.0),
            length=metrics["response/length"],
        )
        # 6. Held-out prompts choose the best checkpoint.
        if step % ppo.eval_every == 0 or step == len(batches):
            reached = evaluate(actors, rule, held_out, ctx, step)
            if state.best is None or reached > state.best:
                state.best, state.best_step = reached, step
                ctx.write(lambda: save_policy(actors, ctx.work / "best" / "policy"))
        # 7. A policy for the curves, before the state that would continue behind it.
        if ppo.keep_every and step % ppo.keep_every == 0:
            ctx.write(partial(save_policy, actors, ctx.work / kept_folder(step)))
        # 8. Everything needed to continue.
        state.step = step
        if step % ppo.save_every == 0 or step == len(batches):
            trainer.save(checkpoint, **asdict(state))
    trainer.close()

    ctx.write(lambda: save_policy(actors, ctx.work / "last" / "policy"))
    ctx.write(lambda: save_scalar_model(shared, VALUE, actors.value_head, ctx.work / "last" / "value"))
    ctx.write(checkpoint.unlink)
    kept = range(ppo.keep_every, len(batches) + 1, ppo.keep_every) if ppo.keep_every else ()
    ctx.checkpoints.update({f"ppo_step_{step}": kept_folder(step) for step in kept})
    ctx.steps.update({"ppo_best": state.best_step, "ppo_last": state.step})
    ctx.steps.update({f"ppo_step_{step}": step for step in kept})
    return world().on_main(lambda: final_metrics(ctx.work, state))


def enough_prompts(cfg: Config, actors: Actors) -> tuple[list[Prompt], list[Prompt]]:
    """Training prompts, and those kept out to choose the best checkpoint.

    Raises:
        SalmonError: not enough prompts for one rollout.
    """
    training, held_out = split_prompts(cfg, actors.shared.chat)
    if len(training) * cfg.ppo.epochs < cfg.ppo.rollout_batch:
        raise SalmonError(
            f"ppo: {len(training)} training prompts (after {len(held_out)} held out) x {cfg.ppo.epochs} "
            f"epochs do not fill one rollout of ppo.rollout_batch={cfg.ppo.rollout_batch}. Lower it, or "
            "raise ppo.num_prompts or ppo.epochs"
        )
    return training, held_out


def schedule(prompts: Sequence[Prompt], ppo: PPOConfig) -> list[tuple[list[Prompt], list[tuple]]]:
    """All rollouts of the run: prompts in an order shuffled anew each epoch, with their random keys.

    A rest that does not fill a rollout is left out.
    """
    sequence = [
        (prompts[i], epoch)
        for epoch in range(ppo.epochs)
        for i in stream(ppo.seed, "ppo", "order", epoch).permutation(len(prompts))
    ]
    size = ppo.rollout_batch
    return [
        ([prompt for prompt, _ in chunk], [(ppo.seed, "rollout", prompt.id, epoch) for prompt, epoch in chunk])
        for chunk in (sequence[start : start + size] for start in range(0, len(sequence) - size + 1, size))
    ]


@torch.no_grad()
def evaluate(actors: Actors, rule: RewardRule, prompts: Sequence[Prompt], ctx: StageContext, step: int) -> float:
    """Mean reward (score, penalty, bonus) on held-out prompts; the same draws at every step."""
    shared, keys = actors.shared, held_out_keys(rule.ppo.seed, prompts)
    responses = sample_sharded(ctx.sampler, shared, POLICY, prompts, rule.ppo.sampling, keys)
    principles = [rule.principles_for(prompt, *key) for prompt, key in zip(prompts, keys, strict=True)]
    scored = score(actors, rule, prompts, responses, principles)
    metrics = held_out_metrics(shared, rule.monitor, prompts, responses, rule.ppo)
    reached = scored.total.mean().item()
    ctx.tracker.log(step, {"held_out/reward": reached, "held_out/score": scored.scores.mean().item(), **metrics})
    ctx.tracker.table(
        "responses",
        ["prompt", "principles", "response", "score"],
        [
            [p.prompt, ", ".join(x.name for x in shown), r.text, value]
            for p, shown, r, value in zip(prompts, principles, responses, scored.scores.tolist(), strict=True)
        ][: ctx.sample_rows],
        step,
    )
    log.info("held-out prompts after %d updates: reward %.3f, KL %.3f", step, reached, metrics["held_out/kl"])
    return reached


def cost(experience: Experience, seconds: float) -> dict[str, float]:
    """Time and memory of an update; tokens are the sampled ones, end to end."""
    return {
        "time/total_s": seconds,
        "perf/tokens_per_second": experience.batch.mask.sum().item() / seconds,
        "perf/peak_memory_gib": max(world().all_gather(peak_memory_gib())),
    }


def save_policy(actors: Actors, folder: Path) -> None:
    """Replace ``folder`` by the policy as it is now."""
    shutil.rmtree(folder, ignore_errors=True)
    actors.shared.save_adapter(POLICY, folder)


def kept_folder(step: int) -> str:
    """Where a policy is kept, relative to the artifact."""
    return f"checkpoints/step_{step}"


def final_metrics(work: Path, state: State) -> dict[str, float]:
    """What the run reached, for the manifest and the summary."""
    rows = [row for row in _history(work) if "objective/score" in row]
    keys = (
        "objective/score",
        "objective/kl",
        "objective/kl_k3",
        "objective/entropy",
        "objective/unfinished_rate",
        "response/length",
        "value/explained_variance",
        "perf/tokens_per_second",
    )
    return {key: rows[-1][key] for key in keys} | {
        "held_out/reward_start": state.baseline,
        "held_out/reward_best": state.best,
        "held_out/best_step": float(state.best_step),
        "objective/updates": float(len(rows)),
    }


def _history(work: Path) -> list[dict]:
    path = work / "metrics.jsonl"
    return read_metrics(path) if path.exists() else []
