"""The processes of one job: what they share out, and what the first does for all.

Every process runs the same program on the same config. Whatever is decided (batches, random streams, metrics, whether
a stage is to be made) is computed alike everywhere, from whole data; only the passes through the model are shared out,
and what they yield is put together again before anything is computed of it. So no figure depends on the number of
processes beyond rounding. A job of one process is the same program with nothing to share.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor, nn

    from salmon.distributed.lockstep import Lockstep

T = TypeVar("T")

RowShard = tuple[
    list[int], tuple["Tensor", ...]
]  # places of some rows in a batch, and tensors whose first axis they are


class World:
    """One process alone. ``salmon.distributed.processes`` has the others.

    All processes must call the same methods in the same order.
    """

    rank = 0
    size = 1
    splits_state = False  # of the optimiser, over the processes
    lockstep: "Lockstep | None" = None  # where the base's weights are split over the processes

    @property
    def splits_weights(self) -> bool:
        """Whether each process holds a part of the base only."""
        return self.lockstep is not None

    def shard(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part; the parts differ by one item at most, and the later ones may be empty."""
        return items[self.rank :: self.size]

    def on_main(self, work: Callable[[], T]) -> T:
        """What ``work`` returns or raises in the first process, where it runs as in a job of one process."""
        return work()

    def all_gather(self, value: T) -> list[T]:
        """The values of all processes, by rank. No tensors: see ``all_gather_rows``."""
        return [value]

    def all_gather_rows(self, pieces: list[RowShard]) -> list[RowShard]:
        """All processes' pieces; their tensors may be on another device than before."""
        return pieces

    def all_reduce_sum(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Key by key the sum over the processes; one without a key adds nothing."""
        return dict(sums)

    def all_reduce_gradients(self, parameters: Iterable["nn.Parameter"]) -> None:
        """Replace each gradient by its sum over the processes; one that no process has stays None."""

    def fill_missing_gradients(self, parameters: Sequence["nn.Parameter"]) -> None:
        """Zeros for a gradient that some process has and this one lacks; one that no process has stays None."""

    @contextmanager
    def guarding_collectives(self) -> Iterator[None]:
        """Where another library works with all processes: an error that says so where one of them is gone."""
        yield

    def require_equal(self, parameters: Mapping[str, "Tensor"]) -> None:
        """Raises ``SalmonError`` where processes have come to hold different weights."""


_current = World()


def world() -> World:
    """The processes that the calling code shares its work with."""
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
