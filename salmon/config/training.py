"""Settings that every training loop shares: the optimiser, and supervised training on rows."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import cosmetic


class Optimizer(Enum):
    adamw = "adamw"
    paged_adamw_32bit = "paged_adamw_32bit"  # bitsandbytes
    paged_adamw_8bit = "paged_adamw_8bit"  # bitsandbytes


class Schedule(Enum):
    cosine = "cosine"
    linear = "linear"
    constant = "constant"


@dataclass
class OptimSettings:
    optimizer: Optimizer = MISSING
    lr: float = MISSING  # peak learning rate
    schedule: Schedule = MISSING  # after warm-up, down towards 0 (reached one step after the last)
    warmup: float = MISSING  # below 1: share of all steps; from 1 on: a number of steps
    weight_decay: float = MISSING
    max_grad_norm: float = MISSING


@dataclass
class SupervisedSettings:
    """One pass of ordinary training over rows (SFT, reward model)."""

    epochs: int = MISSING  # 0 (sft and reward only) takes what `start` names as it is
    batch_size: int = MISSING  # rows per optimiser step
    micro_batch_size: int = cosmetic()  # rows per forward pass; gradients accumulate to batch_size
    save_every: int = cosmetic()  # optimiser steps between resumable checkpoints
    optim: OptimSettings = field(default_factory=OptimSettings)
