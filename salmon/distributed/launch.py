"""How this process was started: alone, or by torchrun as one of a job's processes."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from salmon.config.run import Engine
from salmon.distributed.world import World, use_world, world
from salmon.errors import SalmonError

log = logging.getLogger("salmon")


def started_rank() -> int:
    """Rank that torchrun (or accelerate launch) gave this process; 0 without it."""
    return _number("RANK", 0) if _started_size() > 1 else 0


def _started_size() -> int:
    return _number("WORLD_SIZE", 1)


def _number(name: str, otherwise: int) -> int:
    """A whole number in the environment; ``otherwise`` where it is not set, or where torchrun cannot have set it."""
    given = os.environ.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 10 else otherwise


@contextmanager
def joined(engine: Engine, device: str) -> Iterator[World]:
    """The job's processes meet; inside, ``world()`` is all of them, and only the first one logs.

    Args:
        device: ``model.device``, on which each process computes.

    Raises:
        SalmonError: the engine and the way that the job was started do not fit; or another process ended.
    """
    if engine is Engine.single:
        if _started_size() > 1:
            raise SalmonError(
                f"{_started_size()} processes were started, and engine=single uses one. Add engine=ddp, "
                "or start without torchrun"
            )
        yield world()
        return
    if "RANK" not in os.environ:
        raise SalmonError(
            f"engine={engine.value} runs in processes that torchrun starts, one a GPU: "
            "torchrun --nproc-per-node N -m salmon (or -m eval) ...; or use engine=single"
        )
    from salmon.distributed.processes import meet  # torch

    with meet(device, engine) as here, use_world(here):
        if here.rank:
            log.setLevel(logging.CRITICAL)  # every line would come twice
        yield here


def folder_overrides() -> list[str]:
    """Hydra's overrides for this process: the job's folder is the first process's."""
    return ["hydra.run.dir=.", "hydra.output_subdir=null"] if started_rank() else []


def leave() -> None:
    """End a process that has done its part of a job of several, without Python's own tidying up.

    There, with threads of libraries still about, two jobs of some twenty were aborted ("terminate called without an
    active exception") after all their work was done and written, and torchrun called them failed.
    """
    if _started_size() > 1:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def only_in_one_process(what: str) -> None:
    """Raises ``SalmonError`` where ``what`` was started in several."""
    if _started_size() > 1:
        raise SalmonError(
            f"{what} starts jobs of its own and is not to be started by torchrun. Give torchrun one job "
            "(without -m), or start the sweep without torchrun"
        )
