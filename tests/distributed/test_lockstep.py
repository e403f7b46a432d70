"""Processes with different work make the same passes in the same order, and synchronise."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from salmon.distributed.lockstep import Lockstep, Operation

Step = tuple[Any, ...]  # ("forward", layers), ("train", layers, tag), ("back", tag) or ("sync",)


class Job:
    """Threads in place of processes; ``made`` holds what each one made, dummies too."""

    def __init__(self, size: int) -> None:
        self.made: list[list[Step]] = [[] for _ in range(size)]
        self._announced: list[Operation] = [(0, 0, 0)] * size
        self._barrier = threading.Barrier(size)
        self.locks = [Lockstep(self._exchange(rank)) for rank in range(size)]
        for rank, lock in enumerate(self.locks):
            lock.start(self._dummy(rank))

    def _exchange(self, rank: int) -> Callable[[Operation], list[Operation]]:
        def exchange(mine: Operation) -> list[Operation]:
            self._announced[rank] = mine
            self._barrier.wait(10)
            announced = list(self._announced)
            self._barrier.wait(10)
            return announced

        return exchange

    def _dummy(self, rank: int) -> Callable[[int, bool], Callable[[], None]]:
        def fill(layers: int, gradient: bool) -> Callable[[], None]:
            assert self.locks[rank].forward(layers, gradient) is None, "the dummy's own pass needs no agreement"
            self.made[rank].append(("forward", layers, gradient))
            return lambda: self.made[rank].append(("backward", layers))

        return fill

    def work(self, rank: int, steps: list[Step]) -> None:
        lock, numbers = self.locks[rank], dict[Any, tuple[int, int]]()
        for kind, *rest in [*steps, ("sync",)]:
            if kind == "sync":
                lock.sync()
                self.made[rank].append(("synced",))
            elif kind == "back":
                number, layers = numbers.pop(rest[0])
                lock.backward(number)
                self.made[rank].append(("backward", layers))
            else:
                number = lock.forward(rest[0], kind == "train")
                self.made[rank].append(("forward", rest[0], kind == "train"))
                if kind == "train":
                    assert number is not None
                    numbers[rest[1]] = number, rest[0]

    def run(self, work: list[list[Step]]) -> list[list[Step]]:
        threads = [threading.Thread(target=self.work, args=(rank, steps)) for rank, steps in enumerate(work)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert not any(thread.is_alive() for thread in threads)
        return self.made


TRAIN: list[Step] = [("train", 4, "a"), ("back", "a")]


@pytest.mark.parametrize(
    "work",
    [
        [[("forward", 4)] * 3, [("forward", 4)]],
        [TRAIN * 2, TRAIN, []],
        [[("forward", 4), *TRAIN], [("train", 2, "b"), ("back", "b"), ("forward", 4)]],
        [
            [("train", 4, "a"), ("train", 2, "b"), ("back", "b"), ("back", "a")],
            [("train", 2, "c"), ("forward", 4), ("back", "c")],
        ],
        [[("sync",), *TRAIN], [*TRAIN, ("sync",)]],
        [[("train", 4, "never gone back through")], [("sync",), *TRAIN]],
    ],
    ids=["more-rows", "three", "out-of-phase", "crossed", "syncs", "left"],
)
def test_all_make_the_same_passes(work: list[list[Step]]) -> None:
    if work[1][:1] == [("sync",)]:
        work[0] = [*work[0], ("sync",)]
    made = Job(len(work)).run(work)
    assert all(one == made[0] for one in made)
    for one, steps in zip(made, work, strict=True):
        own = [("forward", s[1], s[0] == "train") for s in steps if s[0] in ("forward", "train")]
        assert len([m for m in one if m[0] == "forward"]) >= len(own) and set(own) <= set(one)


def test_work_that_is_alike_needs_no_dummys() -> None:
    steps: list[Step] = [("forward", 4), *TRAIN, ("forward", 2), *TRAIN]
    made = Job(2).run([steps, steps])
    assert made[0] == [
        ("forward", 4, False),
        ("forward", 4, True),
        ("backward", 4),
        ("forward", 2, False),
        ("forward", 4, True),
        ("backward", 4),
        ("synced",),
    ]


def test_without_a_split_model_there_is_nothing_to_agree_on() -> None:
    Lockstep(lambda move: pytest.fail("nobody asks")).sync()
