"""Processes whose base model is partitioned make the same forward and backward passes in the same order.

With the base's weights partitioned over the processes (``engine=zero3``), a layer is gathered from all of them for the
moment in which it computes. That gathering is a collective operation: a forward pass on one process needs a forward
pass of the same kind on every other, or it waits for ever. But the processes' work differs: one has a row more, samples
longer responses, or evaluates while the others wait.

So each process announces its next operation before it starts: a forward pass, a backward pass, or a synchronisation
(any other exchange between processes: gathering results, summing gradients). They all execute the smallest of the
announced operations. A process that announced another one executes that operation as a *dummy pass* of few tokens, and
announces its own again. Example with two processes, of which process 0 has a row more:

    ======  ===========================  ===========================  ======================================
    round   process 0 announces          process 1 announces          executed by both
    ======  ===========================  ===========================  ======================================
    1       forward (row 1)              forward (row 2)              forward
    2       backward (row 1)             backward (row 2)             backward
    3       forward (row 3)              sync (sum the gradients)     forward; process 1 with a dummy
    4       backward (row 3)             sync                         backward; process 1 through its dummy
    5       sync                         sync                         the sum
    ======  ===========================  ===========================  ======================================

The code that does the work knows nothing of this: hooks on the decoder announce its passes (the base's loading), and
every exchange announces itself (salmon/distributed/processes.py). A dummy's gradient reaches no adapter.
"""

from collections.abc import Callable

# An announced operation: (kind, detail, layers). For a forward pass the detail says whether it keeps a graph for the
# backward pass (0 or 1); for a backward pass it is the number of its forward pass. Processes agree on the smallest, so
# forward passes come before backward passes, and both before a synchronisation: by then every process has the graphs
# of all forward passes with gradient, its own or a dummy's, and can go back through any.
Operation = tuple[int, int, int]
FORWARD, BACKWARD, SYNC = 0, 1, 2

DummyBackward = Callable[[], None]
DummyForward = Callable[[int, bool], DummyBackward]  # (layers, keep a graph) -> its backward pass


class Lockstep:
    """One process's side of the agreement."""

    def __init__(self, exchange: Callable[[Operation], list[Operation]]) -> None:
        """
        Args:
            exchange: announces this process's operation to all; returns the operations that all processes announced.
        """
        self._exchange = exchange
        self._dummy_forward: DummyForward | None = None
        self._dummy_graphs: dict[int, DummyBackward] = {}  # by the number of the forward pass
        self._forwards = 0  # forward passes with a graph so far, dummies included: the same number in all processes
        self._in_dummy = False

    def start(self, dummy_forward: DummyForward) -> None:
        """From now on passes are announced; ``dummy_forward`` makes the passes that only other processes need."""
        self._dummy_forward = dummy_forward

    def forward(self, layers: int, keep_graph: bool) -> int | None:
        """Call before a forward pass.

        Returns:
            The pass's number, to give to ``backward``; None without a graph, and for a dummy's own pass.
        """
        if self._in_dummy:
            return None
        self._agree((FORWARD, int(keep_graph), layers))
        return self._forwards if keep_graph else None

    def backward(self, number: int) -> None:
        """Call before the backward pass through forward pass ``number``."""
        self._agree((BACKWARD, number, 0))

    def sync(self) -> None:
        """Call before any other exchange; makes the others' passes with them until all processes are here."""
        if self._dummy_forward is None:
            return
        self._agree((SYNC, 0, 0))
        self._dummy_graphs.clear()  # of forward passes that no process went back through

    def _agree(self, mine: Operation) -> None:
        while (agreed := min(self._exchange(mine))) != mine:
            self._execute_dummy(agreed)
        if agreed[:2] == (FORWARD, 1):
            self._forwards += 1

    def _execute_dummy(self, operation: Operation) -> None:
        assert self._dummy_forward is not None
        kind, detail, layers = operation
        self._in_dummy = True
        try:
            if kind == BACKWARD:
                self._dummy_graphs.pop(detail)()
            else:
                backward = self._dummy_forward(layers, bool(detail))
                if detail:
                    self._forwards += 1
                    self._dummy_graphs[self._forwards] = backward
        finally:
            self._in_dummy = False
