"""How well the reward model ranks held-out rows, and held-out pairs under one principle at a time."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import islice

import torch
from torch import Tensor

from salmon.config.reward import RewardConfig
from salmon.config.training import MicroBatchSize
from salmon.core.preference import pairwise_accuracy
from salmon.data.rows import PreferenceRow
from salmon.distributed.world import RowShard, world
from salmon.principles.bank import load_bank
from salmon.principles.parametric.universe import Universe
from salmon.reward.comparisons import RewardComparison, compare_row
from salmon.reward.lessons import compare_asked, unread_pairs
from salmon.reward.probes import following, probes_of_pairs, reworded
from salmon.reward.training import ADAPTER, RewardAdapter
from salmon.runtime.micro_batches import micro_batches
from salmon.training.supervised import PeriodicMeasurement


@torch.no_grad()
def margins(model: RewardAdapter, comparisons: Sequence[RewardComparison], size: MicroBatchSize) -> Tensor:
    """Score of the preferred minus score of the rejected input: [N], on the CPU; in micro-batches of ``size``."""
    result, pieces = torch.zeros(len(comparisons)), list[RowShard]()
    with model.shared.using(ADAPTER):
        sizes = [len(comparison.chosen) + len(comparison.rejected) for comparison in comparisons]
        for places in world().shard(micro_batches(sizes, size, model.shared.tokens_at_once)):
            chosen, rejected = model.scores(comparisons[places.start : places.stop])
            pieces.append((list(places), (chosen - rejected,)))
    for rows, (margin,) in world().all_gather_rows(pieces):
        result[rows] = margin.cpu()
    return result


def held_out_accuracy(
    model: RewardAdapter,
    rows: Sequence[RewardComparison],
    probes: Sequence[RewardComparison],
    size: MicroBatchSize,
) -> dict[str, float]:
    """Share of held-out rows that are ranked as labelled, and of each principle's probes, asserted and negated.

    Ties have no rank to follow and are left out.

    Args:
        model: the reward model.
        rows: held-out rows.
        probes: held-out pairs under one principle each.
        size: comparisons of a micro-batch.
    """
    rows, probes = ([c for c in comparisons if not c.tie] for comparisons in (rows, probes))
    metrics = {"held_out/rows": float(len(rows)), "held_out/probes": float(len(probes))}
    if rows:
        metrics["held_out/accuracy"] = _accuracy(margins(model, rows, size))
    by_guideline = defaultdict(list)
    for probe, margin in zip(probes, margins(model, probes, size), strict=True):
        by_guideline[probe.guideline].append(margin)
    for guideline, values in sorted(by_guideline.items()):
        metrics[f"held_out/accuracy/{guideline}"] = _accuracy(torch.stack(values))
    return metrics


def learning_curve(
    model: RewardAdapter, probes: Sequence[PreferenceRow], settings: RewardConfig, seed: int
) -> PeriodicMeasurement | None:
    """Measure on a few held-out pairs, every so many steps, how far each principle and its negation are followed.

    The principles are asked for in the words that are trained on, and, where ``reward.probe.reworded`` names a bank, in
    its words. None where ``reward.probe.every`` is null.
    """
    if settings.probe.every is None:
        return None
    few = probes_of_pairs(probes, settings.probe.pairs, seed)
    asked = {"probe": few}
    if settings.probe.reworded:
        asked["probe_paraphrased"] = reworded(few, load_bank(settings.probe.reworded))
    encoded = {name: [compare_row(model.shared.chat, row, settings) for row in rows] for name, rows in asked.items()}

    def take() -> dict[str, float]:
        figures = {
            name: following(rows, margins(model, encoded[name], evaluation_size(settings)).tolist())
            for name, rows in asked.items()
        }
        return {f"{name}/{figure}": value for name, found in figures.items() for figure, value in found.items()}

    return PeriodicMeasurement(take, settings.probe.every)


def unread_curve(
    model: RewardAdapter, universe: Universe, settings: RewardConfig, seed: int
) -> PeriodicMeasurement | None:
    """Measure every so many steps how far principles are followed in words that lessons never show.

    Held-out sentences, topics, frames and words of the trained families, on answers to held-out prompts. None where
    ``reward.probe.every`` is null.
    """
    if settings.probe.every is None:
        return None
    pairs = islice(unread_pairs(model.shared.chat, universe, settings, seed), settings.probe.pairs)
    encoded = [
        comparison
        for number, pair in enumerate(pairs)
        for comparison in compare_asked(model.shared.chat, pair, settings, str(number))
    ]

    def take() -> dict[str, float]:
        found = margins(model, encoded, evaluation_size(settings)).view(-1, 2)  # asked for, spoken against
        right = 0.5 + 0.5 * found.sign()
        return {
            "probe_unread/asserted": right[:, 0].mean().item(),
            "probe_unread/negated": right[:, 1].mean().item(),
            "probe_unread/flip_rate": (found[:, 0] * found[:, 1] > 0).float().mean().item(),
        }

    return PeriodicMeasurement(take, settings.probe.every)


def evaluation_size(settings: RewardConfig) -> MicroBatchSize:
    """Comparisons of a micro-batch without gradients: as many as one with gradients has in training."""
    size = settings.train.micro_batch_size
    return size * settings.rows_together if isinstance(size, int) else size


def _accuracy(margins: Tensor) -> float:
    return pairwise_accuracy(margins, torch.zeros_like(margins)).item()
