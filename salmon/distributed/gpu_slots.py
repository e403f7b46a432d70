"""Which GPUs a job of a parallel sweep may use: Hydra's launchers do not share them out."""

import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from salmon.errors import SalmonError

log = logging.getLogger("salmon")

_POLL_SECONDS = 1.0


def visible_gpus() -> list[str]:
    """Ids of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; none without a driver."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [gpu.strip() for gpu in given.split(",") if gpu.strip() not in ("", "-1")]
    if shutil.which("nvidia-smi") is None:
        return []
    command = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
    listed = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    return listed.stdout.split() if listed.returncode == 0 else []


@contextmanager
def gpu_slots(wanted: int, folder: Path | None = None) -> Iterator[list[str]]:
    """Wait for, then hold, ``wanted`` GPUs that no other job of this user holds on this machine.

    All GPUs, without waiting, where there are no more than that: then nothing is to be shared out. A holder that dies
    holds nothing.

    Args:
        folder: of the lock files; default one for the user in the temporary folder.

    Raises:
        SalmonError: the machine has GPUs, but fewer than ``wanted``.
    """
    gpus = visible_gpus()
    if gpus and len(gpus) < wanted:
        raise SalmonError(
            f"launch.gpus_per_job={wanted}, but this process may use {len(gpus)} GPUs ({', '.join(gpus)})"
        )
    if len(gpus) <= wanted or not wanted:
        yield gpus
        return
    folder = folder or Path(tempfile.gettempdir()) / f"salmon-gpus-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    said = False
    while True:
        with ExitStack() as held:
            mine = []
            for gpu in gpus:
                lock = FileLock(folder / f"{gpu}.lock")
                try:
                    held.enter_context(lock.acquire(timeout=0))
                except Timeout:
                    continue
                mine.append(gpu)
                if len(mine) == wanted:
                    yield mine
                    return
        if not said:
            log.info("waiting for a free GPU (of %s)", ", ".join(gpus))
            said = True
        time.sleep(_POLL_SECONDS)
