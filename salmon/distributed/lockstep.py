"""Passes through a model whose weights are split over the processes: each needs all of them.

A layer's weights come together for the moment that it computes, so a pass in one process is one in all. Their work is
not alike: one has a row more, has longer answers to write, or evaluates while the others wait. So before each pass, and
before each meeting (everything that processes tell each other), a process says what it is about to do. They agree on
one kind of pass; who was about to do something else makes such a pass over next to nothing first, a filler. They meet
when all have come to the meeting. Whatever the work, then, they make the same passes in the same order, and the code
that does the work needs to know nothing of it.
"""

from collections.abc import Callable

# What a process is about to do; processes agree on the least. Forward passes come before backward passes: whoever has
# made the forward passes of several kinds can go back through any.
Move = tuple[int, int, int]
FORWARD, BACKWARD, MEETING = 0, 1, 2

Back = Callable[[], None]  # goes back through a filler


class Lockstep:
    """The agreement of one process with the others."""

    def __init__(self, exchange: Callable[[Move], list[Move]]) -> None:
        """``exchange`` tells a process's move to all, and returns theirs."""
        self._exchange = exchange
        self._fill: Callable[[int, bool], Back] | None = None
        self._graphs: dict[int, Back] = {}  # of fillers with gradient, by number of the pass
        self._passes = 0  # with gradient, so far
        self._filling = False

    def serve(self, fill: Callable[[int, bool], Back]) -> None:
        """``fill`` makes a filler of so many layers, with gradient or without; from now on passes are announced."""
        self._fill = fill

    def forward(self, layers: int, gradient: bool) -> int | None:
        """Before a forward pass; its number for ``backward``, where it has a gradient and is no filler."""
        if self._filling:
            return None
        self._until((FORWARD, int(gradient), layers))
        return self._passes if gradient else None

    def backward(self, number: int) -> None:
        """Before the backward pass through a forward pass."""
        self._until((BACKWARD, number, 0))

    def meet(self) -> None:
        """Before processes tell each other anything: makes their passes with them until all are here."""
        if self._fill is None:
            return
        self._until((MEETING, 0, 0))
        self._graphs.clear()  # nobody went back through these

    def _until(self, mine: Move) -> None:
        while (agreed := min(self._exchange(mine))) != mine:
            self._make(agreed)
        if agreed[:2] == (FORWARD, 1):
            self._passes += 1

    def _make(self, move: Move) -> None:
        assert self._fill is not None
        kind, which, layers = move
        self._filling = True
        try:
            if kind == BACKWARD:
                self._graphs.pop(which)()
            else:
                back = self._fill(layers, bool(which))
                if which:
                    self._passes += 1
                    self._graphs[self._passes] = back
        finally:
            self._filling = False
