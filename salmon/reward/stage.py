"""The instructable reward model: it reads response, instruction and principles, and scores (PAPER.md 2.4)."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from salmon.config.data import OnBadLine
from salmon.config.reward import LessonSettings
from salmon.config.schema import Config
from salmon.config.training import SupervisedSettings
from salmon.core.preference import bradley_terry_loss, pairwise_accuracy
from salmon.data.rows import PreferencePair, PreferenceRow, read_jsonl
from salmon.data.sources import load_pairs
from salmon.distributed.world import RowShard, world
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward
from salmon.models.heads import ScalarHead, save_scalar_model
from salmon.models.initial_adapters import load_initial_scalar_model
from salmon.preferences.artifact import judged_training_pairs, training_pairs
from salmon.principles.bank import load_bank
from salmon.principles.selection import reward_bank
from salmon.reward.curriculum import lesson_rows, lesson_training, mastery
from salmon.reward.inputs import reward_input
from salmon.reward.pretraining import mismatched_pairs
from salmon.reward.probes import following, probes_of_pairs, reworded
from salmon.runtime.seeding import stream
from salmon.stage.context import StageContext
from salmon.training.supervised import EarlyStop, Objective, PeriodicMeasurement, TrainingResult, TrainingRun, fit
from salmon.training.trainer import Trainer

log = logging.getLogger("salmon")

ADAPTER = "reward"


@dataclass(frozen=True)
class Comparison:
    """A preferred and a rejected input for the reward model."""

    chosen: list[int]  # token ids
    rejected: list[int]
    guideline: str  # the principle of a probe, "not NAME" if negated; "" otherwise
    cut_tokens: int
    pair: str  # names the pair of responses that it is of


def run(cfg: Config, ctx: StageContext) -> dict[str, float]:
    """Train adapter and head, and write them to ``reward/``."""
    shared = ctx.shared()
    head = first_model(cfg, shared)
    if cfg.reward.train.epochs == 0:  # taken as it is
        ctx.write(lambda: save_scalar_model(shared, ADAPTER, head, ctx.work / "reward"))
        return {}
    preferences = ctx.inputs["preferences"].path
    rows, _ = read_jsonl(preferences / "rows.jsonl", PreferenceRow, OnBadLine.stop)
    probes, _ = read_jsonl(preferences / "probes.jsonl", PreferenceRow, OnBadLine.stop)
    curve = learning_curve(cfg, shared, head, probes)
    metrics: dict[str, float] = {}
    first_step = 0

    # 1. Preference pre-training, if data is given: plain comparisons under generic criteria.
    if cfg.reward.pretrain.data:
        pairs = pretraining_pairs(cfg, preferences)
        comparisons = [compare_pair(shared, pair, cfg) for pair in pairs]
        trained = train(
            shared, head, together(comparisons, 1), cfg.reward.pretrain.train, ctx, "pretrain", cfg.seed, first_step
        )
        first_step += trained.steps
        metrics |= {
            "pretrain/rows": len(pairs),
            "pretrain/loss": trained.metrics["pretrain/loss"],
            "pretrain/accuracy": trained.metrics["pretrain/accuracy"],
        }

    # 2. Lessons, if there are any: fewer principles in fewer wordings.
    encode = partial(compare_row, shared, cfg)
    for number, (lesson, rows_of_lesson) in enumerate(lessons(cfg, preferences)):
        groups = together([encode(row) for row in rows_of_lesson], cfg.reward.rows_together)
        trained = train(
            shared,
            head,
            groups,
            lesson_training(lesson, cfg.reward.train),
            ctx,
            "lesson",
            cfg.seed,
            first_step,
            f"lesson_{number}",
            mastery(lesson),
            curve,
        )
        first_step += trained.steps
        metrics |= {name: trained.metrics[name] for name in ("lesson/loss", "lesson/accuracy")}

    # 3. Training on the judged rows.
    training = [encode(row) for row in rows if row.split == "train"]
    cut = [comparison.cut_tokens for comparison in training]
    if any(cut):
        log.info("reward inputs: %d of %d were cut (%d tokens)", sum(map(bool, cut)), len(cut), sum(cut))
    groups = together(training, cfg.reward.rows_together)
    trained = train(shared, head, groups, cfg.reward.train, ctx, "reward", cfg.seed, first_step, measurement=curve)
    metrics |= {name: trained.metrics[name] for name in ("reward/loss", "reward/accuracy", "reward/margin")}
    metrics |= {"reward/cut_rows": sum(map(bool, cut)), "reward/cut_tokens": sum(cut)}

    # 4. Accuracy on held-out prompts, and per principle alone.
    metrics |= held_out_accuracy(
        shared,
        head,
        [encode(row) for row in rows if row.split == "held_out"],
        [encode(probe) for probe in probes],
        rows_at_once(cfg),
    )
    ctx.tracker.summary(metrics)

    # 5. Adapter and head, together.
    ctx.write(lambda: save_scalar_model(shared, ADAPTER, head, ctx.work / "reward"))
    for state in world().on_main(lambda: sorted(ctx.work.glob("state_*.pt"))):
        ctx.write(state.unlink)
    return metrics


def first_model(cfg: Config, shared: SharedModel) -> ScalarHead:
    """The adapter and head that training begins with; the head."""
    if cfg.reward.start is not None:
        return load_initial_scalar_model(shared, ADAPTER, cfg.reward.start, cfg.reward.layers)
    shared.add_adapter(ADAPTER, cfg.seed, cfg.reward.layers)
    return ScalarHead(shared.hidden_size, cfg.seed, cfg.reward.layers).to(shared.device)


def together(comparisons: Sequence[Comparison], size: int) -> list[list[Comparison]]:
    """Groups of up to ``size`` comparisons of the same pair, in the order of their first ones."""
    groups: dict[tuple[str, int], list[Comparison]] = {}
    seen: dict[str, int] = defaultdict(int)
    for comparison in comparisons:
        groups.setdefault((comparison.pair, seen[comparison.pair] // size), []).append(comparison)
        seen[comparison.pair] += 1
    return list(groups.values())


def train(
    shared: SharedModel,
    head: ScalarHead,
    groups: Sequence[Sequence[Comparison]],
    settings: SupervisedSettings,
    ctx: StageContext,
    name: str,
    seed: int,
    first_step: int,
    state: str | None = None,
    until: EarlyStop | None = None,
    measurement: PeriodicMeasurement | None = None,
) -> TrainingResult:
    """Bradley-Terry training of adapter and head; continues what an interrupted try did.

    ``name``: prefix of the metrics; ``state``: names the file of an interrupted try, and is ``name`` if not given.
    """
    parameters = shared.parameters_of(ADAPTER) | {f"head.{k}": p for k, p in head.named_parameters()}

    def loss(micro_batch: Sequence[Sequence[Comparison]], num_rows: float) -> tuple[Tensor, dict[str, float]]:
        batch = [comparison for group in micro_batch for comparison in group]
        scores = score_forward(shared, head, [c.chosen for c in batch] + [c.rejected for c in batch])  # [2B]
        chosen, rejected = scores.split(len(batch))
        share = len(batch) / num_rows
        return bradley_terry_loss(chosen, rejected, int(num_rows)), {
            f"{name}/accuracy": pairwise_accuracy(chosen, rejected).item() * share,
            f"{name}/margin": (chosen - rejected).mean().item() * share,
        }

    with closing(Trainer(parameters, settings.optim)) as trainer, shared.using(ADAPTER):
        return fit(
            trainer,
            groups,
            settings,
            Objective(loss, weight=len),
            TrainingRun(
                name,
                seed,
                ctx.work / f"state_{state or name}.pt",
                ctx.tracker,
                shown=[f"{name}/loss", f"{name}/accuracy", f"{name}/margin", "optim/grad_norm"],
                first_step=first_step,
                early_stop=until,
                measurement=measurement,
            ),
        )


def rows_at_once(cfg: Config) -> int:
    """Rows of a forward pass without gradients: as many as in training."""
    return cfg.reward.train.micro_batch_size * cfg.reward.rows_together


@torch.no_grad()
def margins(shared: SharedModel, head: ScalarHead, comparisons: Sequence[Comparison], batch_size: int) -> Tensor:
    """Score of the chosen minus score of the rejected input, [N]."""
    result, pieces = torch.zeros(len(comparisons)), list[RowShard]()
    with shared.using(ADAPTER):
        for start in world().shard(range(0, len(comparisons), batch_size)):
            batch = comparisons[start : start + batch_size]
            scores = score_forward(shared, head, [c.chosen for c in batch] + [c.rejected for c in batch])
            chosen, rejected = scores.split(len(batch))
            pieces.append((list(range(start, start + len(batch))), (chosen - rejected,)))
    for rows, (margin,) in world().all_gather_rows(pieces):
        result[rows] = margin.cpu()
    return result


def held_out_accuracy(
    shared: SharedModel, head: ScalarHead, rows: Sequence[Comparison], probes: Sequence[Comparison], batch_size: int
) -> dict[str, float]:
    """Accuracy on held-out rows, and of each principle alone (asserted and negated)."""
    metrics = {"held_out/rows": float(len(rows)), "held_out/probes": float(len(probes))}
    if rows:
        margin = margins(shared, head, rows, batch_size)
        metrics["held_out/accuracy"] = pairwise_accuracy(margin, torch.zeros_like(margin)).item()
    by_guideline = defaultdict(list)
    for probe, margin in zip(probes, margins(shared, head, probes, batch_size), strict=True):
        by_guideline[probe.guideline].append(margin)
    for guideline, values in sorted(by_guideline.items()):
        stacked = torch.stack(values)
        metrics[f"held_out/accuracy/{guideline}"] = pairwise_accuracy(stacked, torch.zeros_like(stacked)).item()
    return metrics


def learning_curve(
    cfg: Config, shared: SharedModel, head: ScalarHead, probes: Sequence[PreferenceRow]
) -> PeriodicMeasurement | None:
    """How well a few held-out pairs are ranked under each principle and its negation, in trained words and others."""
    if cfg.reward.probe.every is None:
        return None
    some = probes_of_pairs(probes, cfg.reward.probe.pairs, cfg.seed)
    asked = {"probe": some}
    if cfg.reward.probe.reworded:
        asked["probe_paraphrased"] = reworded(some, load_bank(cfg.reward.probe.reworded))
    encoded = {name: [compare_row(shared, cfg, row) for row in rows] for name, rows in asked.items()}

    def take() -> dict[str, float]:
        return {
            f"{name}/{figure}": value
            for name, rows in asked.items()
            for figure, value in following(
                rows, margins(shared, head, encoded[name], rows_at_once(cfg)).tolist()
            ).items()
        }

    return PeriodicMeasurement(take, cfg.reward.probe.every)


def compare_row(shared: SharedModel, cfg: Config, row: PreferenceRow) -> Comparison:
    """Both responses of a row under its guidelines."""
    guidelines = [g.text for g in row.guidelines]
    one, two = (
        reward_input(shared.chat, response, row.prompt, guidelines, cfg.reward)
        for response in (row.response_1, row.response_2)
    )
    chosen, rejected = (one, two) if row.label == 1 else (two, one)
    name = "".join(("not " if g.negated else "") + g.name for g in row.guidelines) if len(row.guidelines) == 1 else ""
    cut = sum(e.cut_instruction + e.cut_response for e in (one, two))
    return Comparison(chosen.ids, rejected.ids, name, cut, row.pair)


def compare_pair(shared: SharedModel, pair: PreferencePair, cfg: Config) -> Comparison:
    """A pre-training pair under the generic criteria."""
    chosen, rejected = (
        reward_input(shared.chat, response, pair.prompt, (), cfg.reward.pretrain)
        for response in (pair.chosen, pair.rejected)
    )
    cut = sum(e.cut_instruction + e.cut_response for e in (chosen, rejected))
    return Comparison(chosen.ids, rejected.ids, "", cut, pair.id)


def lessons(cfg: Config, preferences: Path) -> list[tuple[LessonSettings, list[PreferenceRow]]]:
    """Each lesson with its rows, of the training pairs."""
    if not cfg.reward.lessons:
        return []
    bank = reward_bank(cfg.principles)
    judged = judged_training_pairs(preferences, bank, cfg.preferences.min_response_chars)
    return [
        (lesson, lesson_rows(judged, lesson, cfg.preferences.aggregation, cfg.reward.rows_together, cfg.seed, number))
        for number, lesson in enumerate(cfg.reward.lessons)
    ]


def pretraining_pairs(cfg: Config, preferences: Path) -> list[PreferencePair]:
    """The first ``limit`` pairs of the source in a seeded order."""
    settings, min_chars = cfg.reward.pretrain, cfg.preferences.min_response_chars
    match settings.data:
        case "mismatched":
            pairs = mismatched_pairs(training_pairs(preferences, min_chars), cfg.seed)
        case source:
            pairs = load_pairs(source or "", cfg.prompts.on_bad_line)
    order = stream(cfg.seed, "pretrain", "rows").permutation(len(pairs))
    return [pairs[i] for i in order[: settings.limit]]
