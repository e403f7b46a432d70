"""The command line under torchrun: one job folder, one voice; a killed process ends the job; one process continues."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

JOB = [
    "-m",
    "salmon",
    "+experiment=self_judged",
    "model=tiny",
    "tracking=disabled",
    "stages=[sft]",
    "sft.train.batch_size=3",
    "sft.train.epochs=30",
    "engine.uneven=true",
]
TORCHRUN = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--nproc-per-node",
    "2",
    "--rdzv-endpoint",
    "127.0.0.1:0",
    "--rdzv-backend",
    "c10d",
]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Model cache and job in a folder of their own."""
    return os.environ | {"OMP_NUM_THREADS": "1", "SALMON_CACHE": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "1"}


def status_of(folder: Path) -> dict:
    (path,) = (folder / "runs/jobs").glob("*/*/status.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize("engine", ["ddp", "zero3"])
def test_a_killed_process_ends_the_job_and_one_process_continues_it(
    tmp_path: Path, env: dict[str, str], engine: str
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with subprocess.Popen(
        [*TORCHRUN, *JOB, f"engine={engine}"],
        cwd=work,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as job:
        deadline = time.monotonic() + 120
        while not (saved := list((work / "runs/store/sft").glob("*.partial/.state/state.pt"))):
            assert time.monotonic() < deadline and job.poll() is None, job.communicate()
            time.sleep(0.1)
        (second,) = (child for child in psutil.Process(job.pid).children() if child.environ().get("RANK") == "1")
        began = time.monotonic()
        os.kill(second.pid, signal.SIGKILL)
        output, _ = job.communicate(timeout=60)
    assert job.returncode and time.monotonic() - began < 60
    assert output.count("sft: starts") == output.count("salmon: ") == 1
    status = status_of(work)
    noticed = "another of the 2 processes ended without a word: it was killed"  # or torchrun came first
    assert status["error"].startswith((noticed, "stopped by SIGTERM: by torchrun, since another process was killed"))
    assert status["state"] == "failed" and f"salmon: {status['error']}" in output
    done = len((saved[0].parent.parent / "metrics.jsonl").read_text().splitlines())

    continued = tmp_path / "continued"
    continued.mkdir()
    store = f"paths.store={work / 'runs/store'}"
    ended = subprocess.run(
        [sys.executable, *JOB, store], cwd=continued, env=env, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert done >= 1 and "sft steps  1/" not in ended.stdout
    (metrics,) = (work / "runs/store/sft").glob("*/metrics.jsonl")
    numbers = [json.loads(line)["step"] for line in metrics.read_text().splitlines()]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) > done
