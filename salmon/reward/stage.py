"""The instructable reward model: it reads response, instruction and principles, and scores (PAPER.md 2.4)."""

import logging

from salmon.config.data import OnBadLine
from salmon.config.schema import Config
from salmon.data.rows import PreferenceRow, read_jsonl
from salmon.reward import curriculum
from salmon.reward.comparisons import compare_pair, compare_row, group_by_pair
from salmon.reward.evaluation import evaluation_batch_size, held_out_accuracy, learning_curve
from salmon.reward.pretraining import pretraining_pairs
from salmon.reward.training import RewardTraining, TrainingPhase, new_reward_adapter
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Train adapter and head, and write them to ``reward/``."""
    settings, shared = cfg.reward, ctx.shared()
    model = new_reward_adapter(shared, settings, cfg.seed)
    if settings.train.epochs == 0:  # the given model is taken as it is
        ctx.write(lambda: model.save(ctx.work / "reward"))
        return {}

    # 1. The judged rows, and what is measured on the way.
    preferences = ctx.inputs["preferences"].path
    rows, _ = read_jsonl(preferences / "rows.jsonl", PreferenceRow, OnBadLine.stop)
    probes, _ = read_jsonl(preferences / "probes.jsonl", PreferenceRow, OnBadLine.stop)
    curve = learning_curve(model, probes, settings, cfg.seed)
    training, metrics = RewardTraining(model, ctx, cfg.seed, settings.consistency), dict[str, float]()

    # 2. Preference pre-training, if there is data for it: plain comparisons under generic criteria.
    if settings.pretrain.data:
        pairs = pretraining_pairs(cfg, preferences)
        comparisons = [compare_pair(shared.chat, pair, settings) for pair in pairs]
        last = training.train(TrainingPhase("pretrain"), group_by_pair(comparisons, 1), settings.pretrain.train)
        metrics |= {"pretrain/rows": len(pairs)}
        metrics |= {name: last[name] for name in ("pretrain/loss", "pretrain/accuracy")}

    # 3. The curriculum, if there is one: fewer principles in fewer wordings.
    for number, (stage, rows_of_stage) in enumerate(curriculum.load_curriculum(cfg, preferences)):
        comparisons = [compare_row(shared.chat, row, settings) for row in rows_of_stage]
        last = training.train(
            TrainingPhase(
                curriculum.METRICS, f"_{number}", curriculum.STREAM, curriculum.early_stop(stage), measurement=curve
            ),
            group_by_pair(comparisons, settings.rows_together),
            curriculum.training_settings(stage, settings.train),
        )
        metrics |= {name: last[name] for name in ("curriculum/loss", "curriculum/accuracy")}

    # 4. Training on the judged rows.
    comparisons = [compare_row(shared.chat, row, settings) for row in rows if row.split == "train"]
    cut = [comparison.cut_tokens for comparison in comparisons]
    if any(cut):
        log.info("reward inputs: %d of %d were cut (%d tokens)", sum(map(bool, cut)), len(cut), sum(cut))
    groups = group_by_pair(comparisons, settings.rows_together)
    last = training.train(TrainingPhase("reward", measurement=curve), groups, settings.train)
    metrics |= {name: last[name] for name in ("reward/loss", "reward/accuracy", "reward/margin")}
    metrics |= {"reward/cut_rows": sum(map(bool, cut)), "reward/cut_tokens": sum(cut)}

    # 5. Accuracy on held-out prompts, and per principle alone.
    metrics |= held_out_accuracy(
        model,
        [compare_row(shared.chat, row, settings) for row in rows if row.split == "held_out"],
        [compare_row(shared.chat, probe, settings) for probe in probes],
        evaluation_batch_size(settings),
    )
    ctx.tracker.summary(metrics)

    # 6. Adapter and head, together.
    ctx.write(lambda: model.save(ctx.work / "reward"))
    return metrics
