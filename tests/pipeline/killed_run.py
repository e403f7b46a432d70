"""The tiny pipeline in processes that end at a chosen moment: killed, or with a full disk, at the nth change of a file.

Each is forked from a process that has everything imported and has computed nothing, so that a start costs little.
"""

import errno
import multiprocessing
import os
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from eval import record
from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.loading import load_base
from salmon.pipeline import pipeline
from salmon.pipeline.pipeline import Pipeline
from salmon.sampling.sampler import transformers_sampler
from tests.ends import end_with

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(
    [
        "tests.pipeline.killed_run",
        "eval.stage",
        "eval.lm_eval.harness",
        "salmon.baselines.best_of_n.stage",
        "salmon.baselines.dpo.stage",
        "salmon.ppo.stage",
        "salmon.preferences.stage",
        "salmon.reward.stage",
        "salmon.sft.stage",
        "peft",
    ]
)
CHANGES = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.rmtree", "shutil.copyfile"}
GROWTH = {"open", "os.mkdir"}  # those that a full disk refuses
FINISHED, FULL_DISK, KILLED = 0, 3, -signal.SIGKILL
STUCK_SECONDS = 120.0


class Ending:
    """An audit hook that counts the changes of files in ``folder``; at the nth it kills, or the disk is full."""

    def __init__(self, folder: Path, at: int | None, full_disk: bool) -> None:
        self.seen = 0
        self._folder, self._at, self._full_disk = str(folder), at, full_disk

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in CHANGES or not str(arguments[0]).startswith(self._folder):
            return
        if event == "open" and not (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        self.seen += 1
        if self._at is None or self.seen < self._at:
            return
        if not self._full_disk:
            os.kill(os.getpid(), signal.SIGKILL)
        if event in GROWTH:  # it stays full
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(arguments[0]))


def run(cfg: Config, resolved: dict[str, Any], at: int | None = None, full_disk: bool = False) -> int:
    """Run the job in a process of its own; how that ended."""
    process = CONTEXT.Process(target=_job, args=(cfg, resolved, at, full_disk))
    process.start()
    process.join(STUCK_SECONDS)
    assert process.exitcode in (FINISHED, FULL_DISK, KILLED), f"exit status {process.exitcode}"
    return process.exitcode


def _job(cfg: Config, resolved: dict[str, Any], at: int | None, full_disk: bool) -> None:
    torch.set_num_threads(1)
    for module in (pipeline, record):  # three processes and the metadata of 14 packages; an edit would be a difference
        module.git_revision = lambda: "abc"  # type: ignore[attr-defined]
        module.versions = lambda: {"torch": "9"}  # type: ignore[attr-defined]
    sys.addaudithook(Ending(Path(cfg.paths.store), at, full_disk))

    def base() -> SharedModel:
        shared = load_base(cfg.model, Path(cfg.paths.cache))
        end_with(shared, "_")
        return shared

    try:
        Pipeline(cfg, resolved, base, transformers_sampler).run(lambda label: None)
    except SalmonError as error:
        assert full_disk and "disk is full" in str(error), error
        sys.exit(FULL_DISK)
