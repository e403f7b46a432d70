"""A multirun's jobs, each in a process of its own: its memory, CUDA context and W&B state end with it.

Hydra's launchers call a job where they are: the basic one in the sweep's process, joblib's in a worker that takes one
job after the other. So the job starts ``python -m salmon.pipeline.isolation FOLDER`` and waits. The child reads its
config from standard input, and takes the end of that pipe for the death of its parent, so that a killed sweep leaves no
job behind.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from salmon.config.register import root_schema
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.distributed.gpu_slots import gpu_slots
from salmon.distributed.termination import Terminated, end_on_sigterm, exit_status
from salmon.errors import SalmonError
from salmon.runtime.console import configure_console
from salmon.runtime.files import storage_errors
from salmon.runtime.status import failure_of

SECONDS_TO_END = 60.0  # that a job without a parent has after SIGTERM


def run_isolated(cfg: Config, resolved: dict[str, Any], folder: Path) -> None:
    """Run the job in a child process and wait for it.

    Args:
        resolved: the same config as plain containers, interpolations resolved, enums as their names.
        folder: the job's folder; the child writes status.json there.

    Raises:
        SalmonError: it failed, or was killed; status.json says so too.
    """
    status = folder / "status.json"
    with storage_errors(folder):
        status.unlink(missing_ok=True)  # of an earlier try
    with gpu_slots(cfg.launch.gpus_per_job) as gpus:
        own = {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}
        code = _wait_for_child(resolved, folder, os.environ | own)
    if code:
        ended = _end(code)
        raise SalmonError(failure_of(status, ended) or f"{ended}. The same command continues it")


def _wait_for_child(resolved: dict[str, Any], folder: Path, environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "salmon.pipeline.isolation", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, encoding="utf-8", env=environment) as child:
        assert child.stdin is not None
        try:
            child.stdin.write(json.dumps(resolved) + "\n")
            child.stdin.flush()
        except BrokenPipeError:
            pass  # it died at once: its exit status says how
        try:
            return child.wait()
        except KeyboardInterrupt as interruption:
            if isinstance(interruption, Terminated):  # Ctrl-C reached the child too
                child.terminate()
            child.wait()
            raise


def _end(code: int) -> str:
    """How the child ended, by what ``Popen.wait`` returned."""
    if code >= 0:
        return f"ended with exit status {code}; its output says why"
    reason = "; the system does that when memory runs out" if code == -signal.SIGKILL else ""
    return f"killed by {signal.Signals(-code).name}{reason}"


def child_of_a_sweep(folder: Path) -> int:
    """Run the job whose config is the first line of standard input; the exit status."""
    resolved = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    composed = OmegaConf.merge(root_schema(), resolved)
    assert isinstance(composed, DictConfig)
    configure_console()
    end_on_sigterm()
    from salmon.pipeline.job import run_job

    try:
        run_job(to_typed(composed, Config), resolved, folder)
    except SalmonError:
        return 1  # the parent says it
    except KeyboardInterrupt as interruption:
        return exit_status(interruption)
    return 0


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing more comes: it returns when the parent's end is closed
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(child_of_a_sweep(Path(sys.argv[1])))
