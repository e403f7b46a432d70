"""Jobs of a multirun in processes of their own: real children, failing, killed, and left without a parent."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.pipeline.isolation import run_isolated
from tests.pipeline.stage_lock import config, sft_lock

pytestmark = pytest.mark.slow

register()

SWEEP = """
import json, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it is ignored where the tests run in the background
from pathlib import Path
from salmon.distributed.termination import end_on_sigterm
from types import SimpleNamespace
from salmon.pipeline.isolation import run_isolated
end_on_sigterm()
run_isolated(SimpleNamespace(launch=SimpleNamespace(gpus_per_job=1)), json.loads(sys.argv[1]), Path(sys.argv[2]))
"""


def status(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "status.json").read_text())


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[Config, dict[str, Any]]]:
    """The config of a job that waits for another process to make its only stage."""
    (tmp_path / "job").mkdir()
    with sft_lock(tmp_path / "store"):
        yield config(tmp_path / "store", "stages=[sft]")


def until_it_runs(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not (folder / "status.json").exists() or status(folder)["stage"] != "sft":
        assert time.monotonic() < deadline, "the job did not come to its stage"
        time.sleep(0.05)


def test_a_job_that_fails_says_why_and_not_with_the_words_of_an_earlier_try(tmp_path: Path) -> None:
    (tmp_path / "status.json").write_text('{"state": "failed", "stage": null, "error": "earlier"}')
    cfg, resolved = config(tmp_path / "store", "stages=[reward]")
    with pytest.raises(SalmonError, match="^stage reward needs the result of stage preferences"):
        run_isolated(cfg, resolved, tmp_path)
    assert status(tmp_path)["state"] == "failed" and "stage reward needs" in status(tmp_path)["error"]


def test_a_job_that_is_killed_is_a_failed_one(tmp_path: Path, waiting: tuple[Config, dict[str, Any]]) -> None:
    def kill() -> None:
        until_it_runs(tmp_path / "job")
        os.kill(status(tmp_path / "job")["process"], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(SalmonError, match=r"killed by SIGKILL.*memory.*same command continues it"):
        run_isolated(*waiting, tmp_path / "job")
    killer.join()
    assert (status(tmp_path / "job")["state"], status(tmp_path / "job")["stage"]) == ("failed", "sft")


@pytest.mark.parametrize(
    ("how", "signalled"), [(signal.SIGKILL, os.kill), (signal.SIGTERM, os.kill), (signal.SIGINT, os.killpg)]
)  # a terminal's Ctrl-C reaches both
def test_a_sweep_that_is_stopped_leaves_no_job_behind(
    tmp_path: Path, waiting: tuple[Config, dict[str, Any]], how: signal.Signals, signalled: Callable[[int, int], None]
) -> None:
    _, resolved = waiting
    command = [sys.executable, "-c", SWEEP, json.dumps(resolved), str(tmp_path / "job")]
    root = Path(CONF).parent
    with subprocess.Popen(
        command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, start_new_session=True
    ) as sweep:
        until_it_runs(tmp_path / "job")
        child = psutil.Process(status(tmp_path / "job")["process"])
        signalled(sweep.pid, how)
        sweep.wait(timeout=30)
    child.wait(timeout=30)  # raises where it lives on
    said = status(tmp_path / "job")
    by = "SIGINT" if how is signal.SIGINT else "SIGTERM"
    assert (said["state"], said["error"]) == ("interrupted", f"by {by}; the same command continues it")


def test_a_job_that_is_stopped_alone_is_an_interrupted_one(
    tmp_path: Path, waiting: tuple[Config, dict[str, Any]]
) -> None:
    def stop() -> None:
        until_it_runs(tmp_path / "job")
        os.kill(status(tmp_path / "job")["process"], signal.SIGTERM)

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(SalmonError, match="^interrupted by SIGTERM; the same command continues it"):
        run_isolated(*waiting, tmp_path / "job")
    stopper.join()
    assert status(tmp_path / "job")["state"] == "interrupted"
