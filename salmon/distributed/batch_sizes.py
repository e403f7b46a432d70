"""Whether a config's batches suit the number of processes that share them."""

import logging
from collections.abc import Iterator
from math import gcd

from salmon.config.schema import Config
from salmon.errors import SalmonError

log = logging.getLogger("salmon")


def check_batch_sizes(config: Config, processes: int, uneven: bool) -> None:
    """Every process gets a part of every batch, and all the same number of rows, or ``uneven`` ones are accepted.

    Raises:
        SalmonError: one message with all batches that are not so, and the nearest sizes that would be.
    """
    batches = sharded_batches(config)
    small = [
        f"{key}={size} gives nothing to {processes - size} of {processes} processes: raise it to {processes}, "
        f"or start {size}"
        for key, size in batches.items()
        if size < processes
    ]
    if small:
        raise SalmonError("; ".join(small))
    parts = [
        f"{key}={size} ({_nearest(config, key, size, processes)})" for key, size in batches.items() if size % processes
    ]
    if not parts:
        return
    listed = f"do not divide by {processes} processes, so that some wait for others in each step: {', '.join(parts)}"
    if not uneven:
        raise SalmonError(
            f"batches {listed}. Start {_divisors_near(gcd(*batches.values()), processes)} processes, "
            "which all batches divide by; or set other sizes, which makes another result; or "
            "engine.uneven=true, which waits and makes the same"
        )
    log.warning("batches %s; results are the same", listed)


def _nearest(config: Config, key: str, size: int, processes: int) -> str:
    """Which sizes next to ``size`` divide by ``processes``; a minibatch must divide the rollout too."""
    below = size - size % processes
    if key != "ppo.minibatch":
        return f"{below} and {below + processes} would"
    rollout = config.ppo.rollout_batch
    fitting = [n for n in range(processes, rollout + 1, processes) if rollout % n == 0]
    if not fitting:
        even = rollout - rollout % processes
        return f"no divisor of ppo.rollout_batch={rollout} would; one of {even} or {even + processes} would"
    return " and ".join(map(str, sorted(sorted(fitting, key=lambda n: abs(n - size))[:2]))) + " would"


def _divisors_near(number: int, wanted: int) -> str:
    """The divisors of ``number`` next to ``wanted``, which is none, on both sides."""
    divisors = [n for n in range(1, number + 1) if number % n == 0]
    sides = ([n for n in divisors if n < wanted][-1:], [n for n in divisors if n > wanted][:1])
    return " or ".join(str(n) for side in sides for n in side)


def sharded_batches(config: Config) -> dict[str, int]:
    """Rows, by key, of what the chosen stages share out in each step; one that takes an adapter as it is has none."""
    return dict(_batches(config))


def _batches(config: Config) -> Iterator[tuple[str, int]]:
    if "sft" in config.stages and config.sft.train.epochs:
        yield "sft.train.batch_size", config.sft.train.batch_size
    if "reward" in config.stages:
        if config.reward.train.epochs:
            yield "reward.train.batch_size", config.reward.train.batch_size
        if config.reward.pretrain.data:
            yield "reward.pretrain.train.batch_size", config.reward.pretrain.train.batch_size
    if "ppo" in config.stages:
        yield "ppo.minibatch", config.ppo.minibatch
    if "dpo" in config.stages:
        yield "dpo.train.batch_size", config.dpo.train.batch_size
