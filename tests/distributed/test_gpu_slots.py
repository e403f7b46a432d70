"""GPUs are shared out among jobs: by their ids only, so without a GPU."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from salmon.distributed import gpu_slots as module
from salmon.distributed.gpu_slots import gpu_slots, visible_gpus
from salmon.errors import SalmonError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_POLL_SECONDS", 0.02)


@pytest.mark.parametrize(("given", "gpus"), [("0,1", ["0", "1"]), ("GPU-ab, 3", ["GPU-ab", "3"]), ("", []), ("-1", [])])
def test_the_visible_ones_are_those_that_cuda_would_use(
    monkeypatch: pytest.MonkeyPatch, given: str, gpus: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    assert visible_gpus() == gpus


def test_without_the_variable_the_driver_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    driver.chmod(0o755)
    assert visible_gpus() == ["0", "1"]
    driver.write_text("#!/bin/sh\necho failed\nexit 9\n")
    assert visible_gpus() == []


def test_jobs_get_different_ones_and_the_next_one_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    got: list[str] = []

    def next_job() -> None:
        with gpu_slots(1, tmp_path) as gpus:
            got.extend(gpus)

    with gpu_slots(2, tmp_path) as two:
        assert two == ["4", "5"]
        with gpu_slots(1, tmp_path) as one:
            assert one == ["6"]
            waiting = threading.Thread(target=next_job)
            waiting.start()
            waiting.join(0.2)
            assert waiting.is_alive() and got == []
        waiting.join(10)
    assert got == ["6"]


def test_a_killed_holder_holds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    code = (
        "import pathlib, sys, time; from salmon.distributed.gpu_slots import gpu_slots\n"
        "with gpu_slots(1, pathlib.Path(sys.argv[1])) as gpus: print(gpus, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(module.__file__).parents[2]) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "['0']\n"
        with gpu_slots(1, tmp_path) as gpus:
            assert gpus == ["1"]
        holder.kill()
        holder.wait()
    with gpu_slots(1, tmp_path) as gpus:
        assert gpus == ["0"]


@pytest.mark.parametrize(
    ("given", "wanted", "gpus"), [("", 1, []), ("3", 1, ["3"]), ("3,4", 2, ["3", "4"]), ("3,4", 0, ["3", "4"])]
)
def test_where_nothing_is_to_be_shared_nothing_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, wanted: int, gpus: list[str]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", given)
    with gpu_slots(wanted, tmp_path) as mine, gpu_slots(wanted, tmp_path) as same:
        assert mine == same == gpus
    assert list(tmp_path.iterdir()) == []


def test_more_than_there_are_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    with pytest.raises(SalmonError, match=r"launch.gpus_per_job=4, but this process may use 2 GPUs \(0, 1\)"):
        with gpu_slots(4, tmp_path):
            pass
