"""PPO against a reward that reads principles (PAPER.md 2.5-2.7)."""

import time
from dataclasses import asdict
from functools import partial
from statistics import fmean

from salmon.config.schema import Config
from salmon.core.kl import next_kl_coefficient
from salmon.distributed.world import world
from salmon.ppo.alarm import Watch
from salmon.ppo.held_out import evaluate_held_out
from salmon.ppo.models import POLICY
from salmon.ppo.outputs import (
    TrainingState,
    final_metrics,
    kept_folder,
    name_checkpoints,
    read_history,
    save_last,
    save_policy,
)
from salmon.ppo.prompts import held_out_batch, schedule, select_ppo_prompts
from salmon.ppo.reporter import UpdateReporter
from salmon.ppo.rollout import collect_rollout
from salmon.ppo.setup import load_rollout_setup
from salmon.ppo.update import update
from salmon.stage.context import StageContext
from salmon.training.trainer import Trainer


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Train the policy; writes ``best/policy`` (by held-out reward), ``last/policy`` and, if any, ``last/value``.

    ``checkpoints/step_N`` is the policy after N updates, for every multiple N of ``ppo.keep_every``.
    """
    # 1. Models, principles and reward; the prompts of every update.
    ppo, setup = cfg.ppo, load_rollout_setup(cfg, ctx, cfg.ppo.advantage.has_value_model)
    models = setup.models
    prompts = select_ppo_prompts(cfg, models.shared.chat)
    held_out, batches = held_out_batch(prompts.held_out, ppo.seed), schedule(prompts, ppo)

    # 2. Optimiser and state, as an interrupted try left them. The policy is frozen while the value model warms up.
    trainer = Trainer(models.trained, ppo.optim, sometimes_frozen=models.shared.parameters_of(POLICY))
    checkpoint = ctx.state / "state.pt"
    saved = trainer.load(checkpoint, lambda extras: ctx.tracker.reaches(extras["step"]))
    state = TrainingState(**saved) if saved else TrainingState(kl_coefficient=ppo.kl.coefficient)
    ctx.tracker.rewind(state.step if saved else -1)
    reporter = UpdateReporter(ctx, len(batches), state.step)
    if not state.start:
        values = evaluate_held_out(setup, held_out, ctx, step=0)
        state.start, state.start_checks = values.rewards, values.checks
    watch = Watch(setup, ctx, len(batches), world().on_main(lambda: read_history(ctx.work)))

    for step in range(state.step + 1, 0 if state.stopped else len(batches) + 1):
        # 3. Rollout, inner epochs, KL controller.
        began = time.perf_counter()
        baseline = state.baseline if ppo.shaping.center else 0.0
        rollout = collect_rollout(setup, batches[step - 1], step, state.kl_coefficient, baseline)
        metrics = rollout.metrics | update(models, trainer, rollout, ppo, step, len(batches))
        if ppo.kl.adaptive:
            state.kl_coefficient = next_kl_coefficient(
                state.kl_coefficient, metrics["objective/kl"], ppo.kl.target, ppo.kl.horizon, ppo.rollout_batch
            )
        metrics |= watch.check(step, rollout, metrics, state.held_out)
        reporter.report(step, rollout, metrics, seconds=time.perf_counter() - began)
        state.stopped = watch.stops
        is_last = state.stopped or step == len(batches)

        # 4. Held-out prompts choose the best policy, of those before an alarm where the run ends at one; some policies
        #    are kept for learning curves.
        if step % ppo.eval_every == 0 or is_last:
            values = evaluate_held_out(setup, held_out, ctx, step)
            state.last, state.last_checks = values.rewards, values.checks
            reward = fmean(state.last)
            if state.best is None or (reward > state.best and not state.stopped):
                state.best, state.best_step = reward, step
                ctx.write(lambda: save_policy(models, ctx.work / "best" / "policy"))
        if ppo.keep_every and step % ppo.keep_every == 0:
            ctx.write(partial(save_policy, models, ctx.work / kept_folder(step)))

        # 5. Everything needed to continue, after the policies that it must not run ahead of.
        state.step = step
        if step % ppo.save_every == 0 or is_last:
            trainer.save(checkpoint, **asdict(state))
        if state.stopped:
            break
    trainer.close()

    # 6. The last policy, and what the run reached.
    save_last(ctx, models)
    name_checkpoints(ctx, state, ppo.keep_every)
    return world().on_main(lambda: final_metrics(ctx.work, state))
