import logging

import pytest
import torch

from eval.generation.batches import in_batches
from salmon.errors import SalmonError
from salmon.runtime.progress import Progress


class Memory:
    """A device on which ``room`` items fit at a time."""

    def __init__(self, room: int) -> None:
        self.room, self.done, self.sizes = room, [], []

    def __call__(self, batch):
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        self.done += batch


@pytest.mark.parametrize(("room", "fitted"), [(8, 8), (5, 4), (1, 1)])
def test_every_item_once_in_batches_that_fit(room, fitted):
    memory = Memory(room)
    assert in_batches(list(range(21)), 8, memory, Progress(21, "items")) == fitted
    assert memory.done == list(range(21))
    assert memory.sizes[:2] == ([8, 8] if room == 8 else [8, 4]), "halved at once"


def test_a_last_batch_that_does_not_fit_is_halved_by_its_own_size():
    memory = Memory(1)
    assert in_batches([1, 2], 64, memory, Progress(2, "items")) == 1
    assert memory.sizes == [2, 1, 1]


def test_one_item_that_does_not_fit_is_an_error_that_says_what_to_do():
    with pytest.raises(SalmonError, match="model.quantization=nf4.*CUDA out of memory"):
        in_batches([1], 4, Memory(0), Progress(1, "items"))


def test_other_errors_are_bugs():
    def fail(batch):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        in_batches([1], 4, fail, Progress(1, "items"))


def test_progress_ends_at_the_total_with_few_lines(caplog):
    with caplog.at_level(logging.INFO, "salmon"):
        in_batches(list(range(1000)), 1, Memory(1), Progress(1000, "items"))
    assert len(caplog.records) == 50 and "items 1000/1000" in caplog.text
