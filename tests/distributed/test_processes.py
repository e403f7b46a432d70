"""Several processes as one job: what they share, add up, agree on, and how they end. Real processes over gloo."""

import os
import signal
import time
from pathlib import Path

import pytest
import torch
from torch import nn

from salmon.distributed.processes import in_buckets, take_gpu
from salmon.distributed.world import World, world
from salmon.errors import SalmonError
from salmon.runtime.resumable import map_resumable
from tests.distributed.in_processes import Processes, together

pytestmark = pytest.mark.slow


def shares(here: World) -> list[list[int]]:
    return here.all_gather(list(here.shard(range(7))))


def test_items_are_shared_out_without_loss_or_repetition() -> None:
    assert shares(World()) == [[0, 1, 2, 3, 4, 5, 6]]
    assert together(3, shares) == [[[0, 3, 6], [1, 4], [2, 5]]] * 3


def sums(here: Processes) -> dict:
    """Gradients that all, one, or no process has, over two buckets; figures that one process lacks."""
    every = [nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(()))]
    every[0].grad = torch.full((2, 3), 1.0 + here.rank)
    if here.rank == 1:
        every[1].grad = torch.arange(4.0)
    here.all_reduce_gradients(every)
    figures = {"loss": 0.5, "tokens": 3.0} if here.rank == 0 else {"loss": 0.25}
    return {
        "gradients": [None if p.grad is None else p.grad.tolist() for p in every],
        "figures": here.all_reduce_sum(figures),
    }


def test_gradients_and_figures_are_added_up() -> None:
    for found in together(2, sums):
        assert found["gradients"] == [[[3.0] * 3] * 2, [0.0, 1.0, 2.0, 3.0], None]
        assert found["figures"] == {"loss": 0.75, "tokens": 3.0}


def test_buckets_keep_the_order_and_the_limit() -> None:
    tensors = [torch.zeros(n) for n in (3, 2, 9, 1, 4, 1)]
    assert [[t.numel() for t in bucket] for bucket in in_buckets(tensors, 5)] == [[3, 2], [9], [1, 4], [1]]
    assert in_buckets([], 5) == []


def only_the_first(here: Processes, folder: Path) -> list:
    def work() -> tuple[int, int]:
        (folder / str(here.rank)).touch()
        return world().size, here.rank

    return [here.on_main(work), world().size]


def test_what_the_first_process_does_alone_is_done_once_and_known_to_all(tmp_path: Path) -> None:
    """Inside, ``world()`` is one process: nothing that the work calls may wait for the others."""
    assert together(2, only_the_first, tmp_path) == [[(1, 0), 2]] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["0"]


def refused_by_the_first(here: Processes) -> None:
    def work() -> None:
        raise SalmonError("no such file")

    here.on_main(work)


def test_what_the_first_process_refuses_all_refuse() -> None:
    assert together(2, refused_by_the_first) == ["SalmonError: no such file"] * 2


def refused_by_the_second(here: Processes) -> None:
    if here.rank == 1:
        raise SalmonError("no answer from the judge")
    here.all_gather(None)


def test_the_first_process_says_why_another_one_ended() -> None:
    assert together(2, refused_by_the_second)[0] == "ProcessLost: process 1 of 2 stopped: no answer from the judge"


def killed(here: Processes) -> None:
    if here.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    for _ in range(3):
        here.all_gather(None)


def test_a_process_that_is_killed_ends_the_others() -> None:
    began = time.monotonic()
    first, second, third = together(3, killed)
    assert second == "exit -9" and time.monotonic() - began < 40
    for survivor in (first, third):
        assert survivor.startswith(
            "ProcessLost: another of the 3 processes ended without a word: it was killed, perhaps for "
        )
        assert survivor.endswith("The same command continues from the last checkpoint")


def stopped_while_it_works_alone(here: Processes) -> None:
    def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)  # what torchrun does when it is to stop, or finds another process dead
        time.sleep(60)

    here.on_main(work)


def stopped_after_another_died(here: Processes) -> None:
    if here.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(2)
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_interrupts_all_processes_also_in_the_middle_of_work() -> None:
    first, second = together(2, stopped_while_it_works_alone)
    assert first == "Terminated: stopped by SIGTERM"
    assert second.startswith(("Terminated", "ProcessLost")), "the store may end with the first process"


def test_sigterm_for_the_death_of_another_process_is_a_failure() -> None:
    assert together(2, stopped_after_another_died)[0].startswith("ProcessLost: stopped by SIGTERM: by torchrun")


def drifted(here: Processes, by: float) -> None:
    weights = torch.ones(5)
    weights[2] += by * here.rank
    here.require_equal({"a": torch.zeros(1), "b": weights})


def test_processes_that_hold_different_weights_stop() -> None:
    assert together(2, drifted, 0.0) == [None, None]
    for found in together(2, drifted, 1e-6):
        assert found.startswith("SalmonError: processes 0 and 1 have come to hold different weights, first in b")


def squares(here: Processes, path: Path) -> list:
    return [
        map_resumable(path, range(7), 2, lambda chunk: [{"n": n * n, "size": world().size} for n in chunk], "rows"),
        here.rank,
    ]


@pytest.mark.parametrize("made_before", [0, 4])
def test_resumable_rows_are_the_same_from_any_number_of_processes(tmp_path: Path, made_before: int) -> None:
    path = tmp_path / "rows.jsonl"
    expected = [{"n": n * n, "size": 1} for n in range(7)]
    alone = tmp_path / "alone.jsonl"
    assert map_resumable(alone, range(7), 2, lambda chunk: [{"n": n * n, "size": 1} for n in chunk], "rows") == expected
    path.write_text("".join(alone.read_text().splitlines(keepends=True)[:made_before]) + '{"n": torn')
    assert together(3, squares, path) == [[expected, 0], [expected, 1], [expected, 2]]
    assert path.read_bytes() == alone.read_bytes()


@pytest.mark.parametrize(
    ("device", "processes", "said"),
    [
        ("cuda:1", 2, "model.device=cuda:1 is one GPU.*use model.device=auto"),
        ("auto", 3, "3 processes were started here for 2 visible GPUs"),
    ],
)
def test_each_process_has_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, device: str, processes: int, said: str
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(SalmonError, match=said):
        take_gpu(device, 0, processes)
    taken: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", taken.append)
    take_gpu("auto", 1, 2)
    assert taken == [1]
