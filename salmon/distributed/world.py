"""The processes of one job: how work is sharded over them, and what the main process does for all.

Every process runs the same program on the same config. All that is decided (batches, random streams, metrics, whether
a stage must be made) is computed alike on every process from the whole data. Only passes through the model are
sharded, and their results are gathered before anything else is computed from them. So no figure depends on the number
of processes beyond floating-point rounding. A job of one process runs the same program with nothing to shard.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

    from salmon.distributed.lockstep import Lockstep

T = TypeVar("T")

# Some rows of a batch: their indices, and tensors whose first axis is these rows.
RowShard = tuple[list[int], tuple["Tensor", ...]]


class World:
    """A job of one process; ``salmon.distributed.processes`` has jobs of several.

    All processes must call the same methods in the same order.
    """

    rank = 0
    size = 1
    splits_state = False  # whether the optimiser's state is partitioned over the processes
    lockstep: "Lockstep | None" = None  # where the base's weights are partitioned over the processes

    @property
    def splits_weights(self) -> bool:
        """Whether each process holds only a partition of the base."""
        return self.lockstep is not None

    def shard(self, items: Sequence[T]) -> Sequence[T]:
        """This process's shard of the items; shards differ by one item at most, and may be empty."""
        return items[self.rank :: self.size]

    def on_main(self, work: Callable[[], T]) -> T:
        """Run ``work`` on the main process only, as in a job of one process; all get its result, or its exception."""
        return work()

    def all_gather(self, value: T) -> list[T]:
        """The values of all processes, by rank. For tensors see ``all_gather_rows``."""
        return [value]

    def all_gather_rows(self, pieces: list[RowShard]) -> list[RowShard]:
        """All processes' row shards; their tensors may be on another device than before."""
        return pieces

    def all_reduce_sum(self, sums: Mapping[str, float]) -> dict[str, float]:
        """The sum over the processes, key by key; a process without a key adds nothing to it."""
        return dict(sums)

    def all_reduce_gradients(self, parameters: Iterable["nn.Parameter"]) -> None:
        """Replace each gradient by its sum over the processes; where no process has one it stays None."""

    def fill_missing_gradients(self, parameters: Sequence["nn.Parameter"]) -> None:
        """Zeros for a gradient that another process has and this one lacks; where no process has one it stays None."""

    @contextmanager
    def guarding_collectives(self) -> Iterator[None]:
        """Around collective operations of another library: a lost process becomes one clear error."""
        yield

    def require_equal(self, parameters: Mapping[str, "Tensor"]) -> None:
        """Raise ``SalmonError`` where processes hold different weights."""


_current = World()


def world() -> World:
    """The processes that the calling code shards its work over."""
    return _current


@contextmanager
def use_world(here: World) -> Iterator[World]:
    """``world()`` is ``here`` inside the block."""
    global _current
    before, _current = _current, here
    try:
        yield here
    finally:
        _current = before
