"""Whether a config's batches suit the number of processes that share them."""

import logging
from collections.abc import Iterator

from salmon.config.schema import Config
from salmon.errors import SalmonError

log = logging.getLogger("salmon")


def check_shares(config: Config, processes: int) -> None:
    """Warn where some processes wait for others in every step.

    Raises:
        SalmonError: a batch has fewer rows than there are processes; names the nearest sizes.
    """
    batches = list(_batches(config))
    problems = [f"{key}={size} gives nothing to {processes - size} of {processes} processes: raise it to {processes}, "
                f"or start {size}" for key, size in batches if size < processes]
    if problems:
        raise SalmonError("; ".join(problems))
    for key, size in batches:
        if size % processes:
            below = size - size % processes
            log.warning("%s=%d does not divide by %d processes: some wait for others in each step (%d and %d would); "
                        "results are the same", key, size, processes, below, below + processes)


def _batches(config: Config) -> Iterator[tuple[str, int]]:
    """(key, rows) of what the chosen stages share out in each step."""
    if "sft" in config.stages:
        yield "sft.train.batch_size", config.sft.train.batch_size
    if "reward" in config.stages:
        yield "reward.train.batch_size", config.reward.train.batch_size
        if config.reward.pretrain.data:
            yield "reward.pretrain.train.batch_size", config.reward.pretrain.train.batch_size
        for number, lesson in enumerate(config.reward.lessons):
            yield f"reward.lessons[{number}].batch_size", lesson.batch_size
    if "ppo" in config.stages:
        yield "ppo.minibatch", config.ppo.minibatch
    if "dpo" in config.stages:
        yield "dpo.train.batch_size", config.dpo.train.batch_size
