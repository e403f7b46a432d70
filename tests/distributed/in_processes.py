"""Python functions run as the processes of one job, as torchrun would start them, but forked from one that has torch
loaded."""

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import Any

from salmon.config.run import Engine
from salmon.distributed.processes import Processes, meet
from salmon.distributed.world import use_world

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tests.distributed.in_processes",
        "salmon.pipeline.job",
        "salmon.ppo.stage",
        "salmon.sft.stage",
        "salmon.reward.stage",
        "salmon.preferences.stage",
        "deepspeed",
    ]
)


def started(size: int, function: Callable[..., Any], *arguments: Any, seconds: float = 120) -> list[Any]:
    """What ``function`` returned in each of ``size`` processes; what it raised, or ``"exit N"``, where it did not."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pipes, processes = [], []
    for rank in range(size):
        receive, send = CONTEXT.Pipe(duplex=False)
        environment = {
            "RANK": rank,
            "WORLD_SIZE": size,
            "LOCAL_RANK": rank,
            "LOCAL_WORLD_SIZE": size,
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "OMP_NUM_THREADS": 1,
        }
        process = CONTEXT.Process(target=_child, args=(send, environment, function, arguments), daemon=True)
        process.start()
        send.close()
        pipes.append(receive)
        processes.append(process)
    results = []
    for receive, process in zip(pipes, processes, strict=True):
        assert wait([receive], timeout=seconds), "the processes hang"
        try:
            results.append(receive.recv())
        except EOFError:
            process.join()
            results.append(f"exit {process.exitcode}")
    for process in processes:
        process.join(seconds)
        assert process.exitcode is not None, "a process does not end"
    return results


def together(size: int, function: Callable[..., Any], *arguments: Any, engine: Engine = Engine.ddp) -> list[Any]:
    """``function(here, *arguments)`` in processes that have met."""
    return started(size, _met, engine, function, *arguments)


def _met(engine: Engine, function: Callable[..., Any], *arguments: Any) -> Any:
    with meet("cpu", engine) as here, use_world(here):
        return function(here, *arguments)


def _child(send: Connection, environment: dict[str, Any], function: Callable[..., Any], arguments: tuple) -> None:
    os.environ.update({key: str(value) for key, value in environment.items()})
    try:
        result = function(*arguments)
    except BaseException as error:
        result = f"{type(error).__name__}: {error}"
        if type(error).__name__ not in ("ProcessLost", "SalmonError"):
            traceback.print_exc()
    send.send(result)
    send.close()


__all__ = ["Processes", "started", "together"]
