"""Which settings to lower, in which order, when a phase does not fit, and what each saves."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from salmon.config.model import Quantization
from salmon.config.run import Engine
from salmon.config.schema import Config
from salmon.config.training import MicroBatchSize, Optimizer
from salmon.distributed.batch_sizes import sharded_batches
from salmon.plan.devices import Device
from salmon.plan.micro_batches import MICRO, setting_of
from salmon.plan.phases import DEQUANTIZED, Phase
from salmon.plan.planner import plan

# Settings of sampling, by phase; like those of micro-batches they change no result.
BATCH = {
    "sft sample": "sft.sampling.batch_size",
    "preferences sample": "preferences.sampling.batch_size",
    "ppo rollout": "ppo.sampling.batch_size",
    "dpo sample": "ppo.sampling.batch_size",
    "best_of_n sample": "ppo.sampling.batch_size",
}
TRAINING = ("train", "pretrain")
OPTIMIZERS = {
    "sft train": "sft.train.optim.optimizer",
    "reward train": "reward.train.optim.optimizer",
    "reward pretrain": "reward.pretrain.train.optim.optimizer",
    "ppo train": "ppo.optim.optimizer",
    "dpo train": "dpo.train.optim.optimizer",
}
PROCESSES = "processes"  # an argument of the plan and of torchrun, no setting


@dataclass(frozen=True)
class Change:
    """One override, and the peak of the phase with it and all changes before it."""

    override: str
    saves: int  # bytes
    changes_results: bool


@dataclass(frozen=True)
class Tried:
    """What a plan is of."""

    cfg: Config
    device: Device
    processes: int = 1

    def value(self, key: str) -> Any:
        return self.processes if key == PROCESSES else setting_of(self.cfg, key)

    def changed(self, key: str, value: Any) -> "Tried":
        if key == PROCESSES:
            return replace(self, processes=value)
        return replace(self, cfg=changed(self.cfg, key, value))

    def phase(self, like: Phase) -> Phase:
        """The phase of the same name."""
        phases = plan(self.cfg, self.device, None, self.processes)[2]
        return next(p for p in phases if p.label == like.label)


def changed(cfg: Config, key: str, value: Any) -> Config:
    """The config with one setting replaced."""
    copy: Config = deepcopy(cfg)
    parent, _, name = key.rpartition(".")
    setattr(setting_of(copy, parent), name, value)
    return copy


def advice(tried: Tried, phase: Phase, budget: int | None = None) -> list[Change]:
    """Changes, one after the other, until the phase's peak is within ``budget`` bytes (None: all there are).

    Batches are halved, and processes doubled, as often as it takes. Changes that save less than 1 % of the peak are
    left out.
    """
    found: list[Change] = []
    current = phase
    for key, next_value, changes_results in _candidates(tried.cfg, phase, budget is not None):
        best, value = current, None
        while (budget is None or best.peak > budget) and (other := next_value(tried.value(key))) is not None:
            tried, value = tried.changed(key, other), other
            best = tried.phase(phase)
        if value is not None and current.peak - best.peak > 0.01 * current.peak:
            shown = getattr(value, "name", str(value).lower() if isinstance(value, bool) else value)
            found.append(Change(f"{key}={shown}", current.peak - best.peak, changes_results))
            current = best
        if budget is not None and current.peak <= budget:
            break
    return found


def _candidates(cfg: Config, phase: Phase, may_start_more: bool) -> Iterator[tuple[str, Callable[[Any], Any], bool]]:
    """(setting, what to try after its value or None, whether it changes results), the cheapest first."""
    name = phase.label
    splits = cfg.engine.kind.splits_state

    def fewer(value: MicroBatchSize) -> int | None:
        if not isinstance(value, int):
            return 1  # auto has tried what is between
        return value // 2 if value > 1 else None

    def twice(processes: int) -> int | None:
        return 2 * processes if all(size % (2 * processes) == 0 for size in sharded_batches(cfg).values()) else None

    if phase.name in TRAINING:
        yield "model.gradient_checkpointing", lambda value: None if value else True, False
    if phase.items.get("merged copy"):
        yield "rollout.merged_copy", lambda value: False if value else None, False
    if phase.items.get(DEQUANTIZED):
        yield "rollout.dequantize", lambda value: None if value is False else False, False
    for table in (MICRO, BATCH):
        if name in table:
            yield table[name], fewer, False
    if splits and may_start_more and sharded_batches(cfg):
        yield PROCESSES, twice, False
    if name in OPTIMIZERS and not splits:
        yield (
            OPTIMIZERS[name],
            lambda value: None if value is Optimizer.paged_adamw_8bit else Optimizer.paged_adamw_8bit,
            True,
        )
    if cfg.engine.kind is not Engine.zero3:
        yield "model.quantization", lambda value: None if value is Quantization.nf4 else Quantization.nf4, True
    yield "model.lora.r", lambda value: value // 2 if value > 8 else None, True
