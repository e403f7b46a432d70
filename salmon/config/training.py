"""Settings that all training shares: the optimiser, and supervised training on rows."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import setting

AUTO = "auto"  # a micro-batch has as many rows as suit the device, by their tokens (salmon/runtime/micro_batches.py)
MicroBatchSize = int | str  # a number of rows, or ``AUTO``


class Optimizer(Enum):
    adamw = "adamw"  # torch's
    paged_adamw_32bit = "paged_adamw_32bit"  # bitsandbytes; its state can be moved to RAM
    paged_adamw_8bit = "paged_adamw_8bit"  # the same with a state of 8 bits


class Schedule(Enum):
    """The learning rate after warm-up; what falls would reach 0 one step after the last."""

    cosine = "cosine"  # falls along half a cosine
    linear = "linear"  # falls along a line
    constant = "constant"


@dataclass
class OptimSettings:
    optimizer: Optimizer = MISSING
    lr: float = setting(above=0)  # peak learning rate
    schedule: Schedule = MISSING
    # Warm-up from 0 to the peak. Below 1: share of all optimiser steps; from 1 on: a number of steps.
    warmup: float = setting(at_least=0, reason="below 1 it is a share of the steps, from 1 on a number of steps")
    weight_decay: float = setting(at_least=0)  # AdamW's
    max_grad_norm: float = setting(above=0)  # longer gradients are scaled down to this norm


@dataclass
class SupervisedSettings:
    """Ordinary training over rows: SFT, reward model, DPO."""

    epochs: int = setting(at_least=0)  # passes over the rows; 0 (sft and reward only) takes what `start` names as it is
    batch_size: int = setting(at_least=1)  # rows per optimiser step
    # Rows per forward pass; gradients are accumulated over batch_size rows. auto: by their tokens, see AUTO.
    micro_batch_size: MicroBatchSize = setting(cosmetic=True, at_least=1, words=(AUTO,))
    save_every: int = setting(cosmetic=True, at_least=1)  # optimiser steps between resumable checkpoints
    optim: OptimSettings = field(default_factory=OptimSettings)
