"""Ctrl-C and SIGTERM from outside: one message, an exit status, and a status.json that says which it was."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from salmon.config.register import CONF, register
from tests.pipeline.stage_lock import sft_lock

pytestmark = pytest.mark.slow

register()

# SIGINT is ignored where the tests run in the background.
START = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from salmon.cli import main; main()"


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("sweep", [False, True], ids=["job", "multirun"])
def test_an_interrupted_command(tmp_path: Path, how: signal.Signals, status: int, sweep: bool) -> None:
    words = ["+experiment=self_judged", "model=tiny", "tracking=disabled", "stages=[sft]"]
    words += [f"paths.store={tmp_path}/store"]
    words = ["-m", *words, "seed=0,1", "hydra.sweep.dir=out"] if sweep else [*words, "hydra.run.dir=out"]
    env = os.environ | {"PYTHONPATH": str(Path(CONF).parent), "SALMON_CACHE": str(tmp_path / "cache")}
    with (
        sft_lock(tmp_path / "store"),
        subprocess.Popen(
            [sys.executable, "-c", START, *words],
            cwd=tmp_path,
            env=env,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as command,
    ):
        deadline = time.monotonic() + 120
        while not (found := list((tmp_path / "out").rglob("status.json"))) or '"sft"' not in found[0].read_text():
            assert time.monotonic() < deadline and command.poll() is None
            time.sleep(0.1)
        (os.killpg if how is signal.SIGINT else os.kill)(command.pid, how)  # a terminal's Ctrl-C reaches all
        _, said = command.communicate(timeout=60)
    assert command.returncode == status
    assert said.count(f"salmon: interrupted by {how.name}. Run the same command again") == 1 and "Traceback" not in said
    assert json.loads(found[0].read_text())["state"] == "interrupted"
