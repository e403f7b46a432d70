"""What the processes of a job share: rows, optimiser state, weights; and how long what they exchange takes.

``ddp`` has everything whole in each process (salmon/distributed/processes.py); ``zero2`` splits the optimiser's state,
its copy of the trained tensors and the summed gradients; ``zero3`` splits the base's weights too, and gathers what is
used. Adapters, and a process's own gradients of them, are whole in every engine.
"""

from dataclasses import dataclass
from math import ceil

from salmon.config.run import Engine

FP32 = 4
BUCKET = 2**24  # numbers that are summed together (salmon/distributed/processes.py, which imports torch)


@dataclass(frozen=True)
class Sharing:
    engine: Engine = Engine.single
    processes: int = 1  # one a GPU

    @property
    def splits_state(self) -> bool:
        return self.engine.splits_state

    @property
    def splits_weights(self) -> bool:
        return self.engine is Engine.zero3

    def rows(self, batch: int) -> int:
        """The largest share of a batch."""
        return ceil(batch / self.processes)

    def of_state(self, size: int) -> int:
        """Bytes of the optimiser's that one process holds."""
        return ceil(size / self.processes) if self.splits_state else size

    def of_weights(self, size: int) -> int:
        """Bytes of the base's that one process holds."""
        return ceil(size / self.processes) if self.splits_weights else size

    def bucket(self, trained: int) -> int:
        """Bytes of the copies in which gradients of ``trained`` numbers are summed: a bucket, and the one before it,
        which is let go when the next has been made."""
        return FP32 * min(trained, 2 * BUCKET) if self.processes > 1 else 0

    def summing(self, trained: int, link: float) -> float:
        """Seconds to sum the gradients of ``trained`` numbers: in a ring, each process sends and receives all but its
        own part twice (once to sum, once to hand round), at ``link`` bytes a second."""
        return 2 * self._others * FP32 * trained / link

    def gathering(self, size: int, link: float) -> float:
        """Seconds to gather ``size`` bytes of weights once."""
        return self._others * size / link if self.splits_weights else 0.0

    @property
    def _others(self) -> float:
        return (self.processes - 1) / self.processes
