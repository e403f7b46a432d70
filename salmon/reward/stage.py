"""The instructable reward model: it reads response, instruction and principles, and scores (PAPER.md 2.4)."""

import logging

from salmon.config.data import OnBadLine
from salmon.config.reward import PARAMETRIC
from salmon.config.schema import Config
from salmon.data.rows import PreferenceRow, read_jsonl
from salmon.principles.parametric.universe import load_universe
from salmon.reward.comparisons import compare_pair, compare_row, group_by_pair
from salmon.reward.evaluation import evaluation_size, held_out_accuracy, learning_curve, unread_curve
from salmon.reward.lessons import METRICS as LESSONS
from salmon.reward.lessons import lesson_comparisons, lesson_end, lesson_training
from salmon.reward.pretraining import pretraining_pairs
from salmon.reward.training import RewardAdapter, RewardTraining, TrainingPhase, new_reward_adapter
from salmon.runtime.files import write_json_atomic
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Train adapter and head, and write them to ``reward/``."""
    settings, shared = cfg.reward, ctx.shared()
    model = new_reward_adapter(shared, settings, cfg.seed)
    training, metrics = RewardTraining(model, ctx, cfg.seed, settings.consistency), dict[str, float]()

    # 1. Pre-training, if there is data for it: lessons on parametric principles, or comparisons under generic criteria.
    if settings.pretrain.data == PARAMETRIC:
        metrics |= _train_on_principles(cfg, ctx, model, training)
    elif settings.pretrain.data:
        pairs = pretraining_pairs(cfg, ctx.inputs["preferences"].path)
        comparisons = [compare_pair(shared.chat, pair, settings) for pair in pairs]
        last = training.train(TrainingPhase("pretrain"), group_by_pair(comparisons, 1), settings.pretrain.train)
        metrics |= {"pretrain/rows": len(pairs)}
        metrics |= {name: last[name] for name in ("pretrain/loss", "pretrain/accuracy")}

    # 2. Training on the judged rows, and accuracy on held-out prompts.
    if settings.train.epochs:
        metrics |= _train_on_judged_rows(cfg, ctx, model, training)
    ctx.tracker.summary(metrics)

    # 3. Adapter and head, together.
    ctx.write(lambda: model.save(ctx.work / "reward"))
    return metrics


def _train_on_principles(
    cfg: Config, ctx: StageContext, model: RewardAdapter, training: RewardTraining
) -> dict[str, float]:
    """One lesson after the other; ``universe.json`` records what they train on and what is kept for measuring.

    In the end, obedience to words that no lesson shows is measured once more.
    """
    settings, last = cfg.reward, dict[str, float]()
    universe = load_universe(settings.parametric, cfg.prompts.held_out)
    ctx.write(lambda: write_json_atomic(ctx.work / "universe.json", universe.record()))
    curve = unread_curve(model, universe, settings, cfg.seed)
    with training.one_optimiser(settings.pretrain.train.optim):
        lessons = settings.parametric.lessons
        for number, lesson in enumerate(lessons):
            about = ", ".join(lesson.families) or "all families"
            log.info("lesson %d of %d, on principles about: %s", number + 1, len(lessons), about)
            groups = lesson_comparisons(model.shared.chat, universe, settings, number, cfg.seed)
            phase = TrainingPhase(LESSONS, f"_{number}", early_stop=lesson_end(lesson), measurement=curve)
            last = training.train(phase, groups, lesson_training(settings, number))
    unread = curve.take() if curve else {}
    return {name: last[name] for name in ("parametric/loss", "parametric/accuracy")} | dict(unread)


def _train_on_judged_rows(
    cfg: Config, ctx: StageContext, model: RewardAdapter, training: RewardTraining
) -> dict[str, float]:
    """Rows of the preferences: those of training prompts are trained on, those of held-out prompts measured."""
    settings, chat, preferences = cfg.reward, model.shared.chat, ctx.inputs["preferences"].path
    rows, _ = read_jsonl(preferences / "rows.jsonl", PreferenceRow, OnBadLine.stop)
    probes, _ = read_jsonl(preferences / "probes.jsonl", PreferenceRow, OnBadLine.stop)
    comparisons = [compare_row(chat, row, settings) for row in rows if row.split == "train"]
    cut = [comparison.cut_tokens for comparison in comparisons]
    if any(cut):
        log.info("reward inputs: %d of %d were cut (%d tokens)", sum(map(bool, cut)), len(cut), sum(cut))
    curve = learning_curve(model, probes, settings, cfg.seed)
    groups = group_by_pair(comparisons, settings.rows_together)
    last = training.train(TrainingPhase("reward", measurement=curve), groups, settings.train)
    metrics = {name: last[name] for name in ("reward/loss", "reward/accuracy", "reward/margin")}
    return metrics | {
        "reward/cut_rows": sum(map(bool, cut)),
        "reward/cut_tokens": sum(cut),
        **held_out_accuracy(
            model,
            [compare_row(chat, row, settings) for row in rows if row.split == "held_out"],
            [compare_row(chat, probe, settings) for probe in probes],
            evaluation_size(settings),
        ),
    }
