"""Micro-batches of ``auto``: how many tokens a stage's device holds, by the plan."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from salmon.config.schema import Config
from salmon.config.training import AUTO
from salmon.plan.phases import Base, Phase
from salmon.runtime.micro_batches import TOKENS

# The setting of a phase's micro-batches. It changes no result, and is in no fingerprint: a stage goes on with another.
MICRO = {
    "sft train": "sft.train.micro_batch_size",
    "reward train": "reward.train.micro_batch_size",
    "reward pretrain": "reward.pretrain.train.micro_batch_size",
    "ppo score": "ppo.micro_batch_size",
    "ppo log-probs": "ppo.micro_batch_size",
    "ppo train": "ppo.micro_batch_size",
    "dpo reference": "dpo.train.micro_batch_size",
    "dpo train": "dpo.train.micro_batch_size",
    "dpo log-probs": "ppo.micro_batch_size",
    "best_of_n score": "ppo.micro_batch_size",
}
TOKENS_ON_GPU = 16384  # of more, launches and the unpacking of NF4 layers are no share that counts (assumed)
FEWEST = 64  # tokens; where these do not fit, rows go one by one at their limits


def setting_of(cfg: Config, key: str) -> Any:
    """The value of a dotted key."""
    node: Any = cfg
    for name in key.split("."):
        node = getattr(node, name)
    return node


def with_tokens(base: Base, cfg: Config, phases: Callable[[Base], Sequence[Phase]]) -> Base:
    """The base with the most tokens a micro-batch of ``auto`` that its device is planned to hold.

    A CPU gets no more than keep its matrix products at their full rate; the rest of its memory is others'.

    Args:
        phases: of a stage, with a base.
    """
    tokens = TOKENS_ON_GPU if base.device.is_gpu else TOKENS
    while tokens > FEWEST:
        trial = replace(base, tokens=tokens)
        if all(p.needed(base.device) <= base.device.memory for p in phases(trial) if automatic(cfg, p.label)):
            break
        tokens //= 2
    return replace(base, tokens=tokens)


def automatic(cfg: Config, label: str) -> bool:
    """Whether the size of a phase's micro-batches is ``auto``."""
    key = MICRO.get(label)
    return key is not None and setting_of(cfg, key) == AUTO
