"""Several processes as one ``World``: torch.distributed, started by torchrun (or accelerate launch).

Gradients are summed here and no wrapper is used: the trained tensors are LoRA adapters, so each process holds all of
them with their optimiser, and one sum of gradients a step keeps them equal. ``DistributedDataParallel`` would average
over processes, which is wrong where their shards differ in tokens; it would hang where a shard is empty, and it does
not know adapters that are trained in turn. Here every loss is divided by the whole batch's tokens or rows before
``backward``, so that the plain sum is the gradient that one process would compute. DeepSpeed's ZeRO partitions what
does not fit one GPU (salmon/training/zero2_backend.py).

There are two process groups. Decisions (small objects) go over gloo, whose time-out is so long that processes may wait
while another evaluates, and which fails at once where a process is gone. Gradients on GPUs go over NCCL. A gloo
exchange always comes first, so that nobody waits in NCCL for a process that has died.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from salmon.config.run import Engine
from salmon.distributed.deepspeed import library
from salmon.distributed.lockstep import Lockstep, Operation
from salmon.distributed.termination import Terminated
from salmon.distributed.world import RowShard, World, use_world
from salmon.errors import SalmonError

T = TypeVar("T")

TIMEOUT = timedelta(days=30)  # processes wait while the main one evaluates, or for another job's lock
BUCKET = 2**24  # elements that one all-reduce sums
GONE = "onnection"  # in gloo's words: "Connection closed by peer", "Connection reset by peer"
REASON_SECONDS = 3.0  # how long to wait for the reason that a process that ended leaves in the store


class ProcessLost(SalmonError):
    """Another process ended."""


class Processes(World):
    """This process among those that ``meet``."""

    def __init__(
        self, store: dist.Store, rank: int, size: int, tensors: dist.ProcessGroup | None, engine: Engine = Engine.ddp
    ) -> None:
        """
        Args:
            store: where a process that fails leaves its error.
            tensors: group that sums gradients; None is the default group.
        """
        self.rank, self.size = rank, size
        self.splits_state = engine.splits_state
        self.lockstep = Lockstep(self._exchange) if engine is Engine.zero3 else None
        self._store, self._tensors = store, tensors

    def on_main(self, work: Callable[[], T]) -> T:
        outcome: list[Any] = [None, None]
        if self.rank == 0:
            try:
                with use_world(World()), self.guarding_collectives():
                    outcome[0] = work()
            except ProcessLost:
                raise
            except SalmonError as error:
                outcome[1] = error
        self._synchronised(lambda: dist.broadcast_object_list(outcome, src=0))
        if outcome[1] is not None:
            raise outcome[1]
        return outcome[0]

    def all_gather(self, value: T) -> list[T]:
        values: list[Any] = [None] * self.size
        self._synchronised(lambda: dist.all_gather_object(values, value))
        return values

    def all_gather_rows(self, pieces: list[RowShard]) -> list[RowShard]:
        portable = [(rows, tuple(tensor.cpu() for tensor in tensors)) for rows, tensors in pieces]
        return [piece for part in self.all_gather(portable) for piece in part]

    def all_reduce_sum(self, sums: Mapping[str, float]) -> dict[str, float]:
        parts = self.all_gather(dict(sums))
        keys = dict.fromkeys(key for part in parts for key in part)
        return {key: sum(part[key] for part in parts if key in part) for key in keys}

    def all_reduce_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        every = list(parameters)
        self.fill_missing_gradients(every)
        for bucket in in_buckets([p.grad for p in every if p.grad is not None], BUCKET):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            self._synchronised(partial(dist.all_reduce, flat, group=self._tensors))
            for gradient, part in zip(bucket, flat.split([g.numel() for g in bucket]), strict=True):
                gradient.copy_(part.view_as(gradient))

    def fill_missing_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        present = self.all_gather([parameter.grad is not None for parameter in parameters])
        for parameter, has in zip(parameters, zip(*present, strict=True), strict=True):
            if any(has) and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)

    def require_equal(self, parameters: Mapping[str, Tensor]) -> None:
        sums = self.all_gather([parameter.detach().double().sum().item() for parameter in parameters.values()])
        for rank, others in enumerate(sums):
            for name, here, there in zip(parameters, sums[0], others, strict=True):
                if here != there:
                    raise SalmonError(
                        f"processes 0 and {rank} have come to hold different weights, first in {name}. "
                        "Are their GPUs or libraries of different kinds? The last checkpoint is whole"
                    )

    def fail(self, error: BaseException) -> None:
        """Leave this process's error in the store for the main process, which reports it."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL if self.rank else signal.SIG_IGN)
        if not isinstance(error, ProcessLost):
            with suppress(RuntimeError):  # the store may have ended with its process
                key = TERMINATED_KEY if isinstance(error, Terminated) else _error_key(self.rank)
                self._store.set(key, str(error) or type(error).__name__)

    def explain(self, otherwise: str) -> ProcessLost | Terminated:
        """What to raise where another process has ended: the reason that it left, else ``otherwise``."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun's, which sees the same end
        until = time.monotonic() + REASON_SECONDS
        with suppress(RuntimeError):
            while time.monotonic() < until:
                if self._store.check([TERMINATED_KEY]):
                    return Terminated()
                for rank in range(self.size):
                    if self._store.check([_error_key(rank)]):
                        reason = self._store.get(_error_key(rank)).decode()
                        return ProcessLost(f"process {rank} of {self.size} stopped: {reason}")
                time.sleep(0.1)
        return ProcessLost(f"{otherwise}. The same command continues from the last checkpoint")

    def _exchange(self, mine: Operation) -> list[Operation]:
        announced = [torch.zeros(3, dtype=torch.long) for _ in range(self.size)]
        self._run_collective(lambda: dist.all_gather(announced, torch.tensor(mine)))
        return [(kind, detail, layers) for kind, detail, layers in (operation.tolist() for operation in announced)]

    def _synchronised(self, collective: Callable[[], object]) -> None:
        if self.lockstep:
            self.lockstep.sync()
        self._run_collective(collective)

    def _run_collective(self, collective: Callable[[], object]) -> None:
        try:
            collective()
        except RuntimeError as error:
            raise self._lost(error) from error

    @contextmanager
    def guarding_collectives(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if GONE not in str(error) and not isinstance(error, dist.DistError):
                raise
            raise self._lost(error) from error

    def _lost(self, error: RuntimeError) -> ProcessLost | Terminated:
        reason = " ".join(str(error).split())[:200]
        if GONE in reason:
            reason = "it was killed, perhaps for want of memory; torchrun's lines say how"
        return self.explain(f"another of the {self.size} processes ended without a word: {reason}")


@contextmanager
def meet(device: str, engine: Engine = Engine.ddp) -> Iterator[Processes]:
    """Join the processes that torchrun started.

    Args:
        device: ``model.device``; unless it is cpu, each process takes the GPU of its place on its machine.
        engine: of those in several processes.

    Raises:
        SalmonError: there are fewer GPUs than processes, or the device is one particular GPU.
    """
    cuda = device != "cpu" and torch.cuda.is_available()
    if cuda:
        take_gpu(device, int(os.environ["LOCAL_RANK"]), int(os.environ["LOCAL_WORLD_SIZE"]))
    store, rank, size = next(iter(dist.rendezvous("env://")))
    # DeepSpeed uses the default group for tensors on GPUs, so that one must have NCCL for them; decisions (objects,
    # tensors on the CPU) go over gloo in any case. NCCL only runs what all processes have just agreed to run, so its
    # long time-out matters only where a process dies in the middle, and then torchrun ends the others.
    backend = "cpu:gloo,cuda:nccl" if cuda and engine.splits_state else "gloo"
    dist.init_process_group(
        backend, store=dist.PrefixStore("groups", store), rank=rank, world_size=size, timeout=TIMEOUT
    )
    if engine.splits_state:
        library(None if cuda else "cpu")  # that it can be used, before any work
    here = Processes(store, rank, size, dist.new_group(backend="nccl") if backend == "gloo" and cuda else None, engine)

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        if all_live():  # nobody was killed: torchrun was told to stop, and passes it on
            raise Terminated
        raise here.explain("stopped by SIGTERM: by torchrun, since another process was killed, or from outside")

    default = signal.signal(signal.SIGTERM, stop)
    try:
        here.all_gather(None)  # a barrier: rank 0 holds the store, and must not end before all have joined
        yield here
        here.all_gather(None)  # a barrier: nobody leaves before all are done
    except BaseException as error:
        here.fail(error)
        raise
    signal.signal(signal.SIGTERM, default)
    dist.destroy_process_group()


def all_live() -> bool:
    """Whether all processes of this machine that torchrun started are there; False where that cannot be seen."""
    with suppress(OSError, KeyError):
        children = Path(f"/proc/{os.getppid()}/task/{os.getppid()}/children").read_text(encoding="utf-8").split()
        return sum(map(_lives, children)) >= int(os.environ["LOCAL_WORLD_SIZE"])
    return False


def _lives(process: str) -> bool:
    """Whether a child has not ended; what has is a zombie (Z) until its parent looks."""
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] not in "ZX"
    return False


def take_gpu(device: str, place: int, processes: int) -> None:
    """Make the ``place``-th GPU this process's own."""
    if ":" in device:
        raise SalmonError(f"model.device={device} is one GPU, and each process needs its own; use model.device=auto")
    if processes > torch.cuda.device_count():
        raise SalmonError(
            f"{processes} processes were started here for {torch.cuda.device_count()} visible GPUs: "
            "start one a GPU, or use model.device=cpu"
        )
    torch.cuda.set_device(place)


def in_buckets(tensors: Sequence[Tensor], size: int) -> list[list[Tensor]]:
    """Group neighbouring tensors up to ``size`` elements; a larger tensor is alone."""
    buckets: list[list[Tensor]] = []
    room = 0
    for tensor in tensors:
        if not buckets or tensor.numel() > room:
            buckets.append([])
            room = size
        buckets[-1].append(tensor)
        room -= tensor.numel()
    return buckets


TERMINATED_KEY = "salmon/terminated"


def _error_key(rank: int) -> str:
    return f"salmon/error/{rank}"
