"""What became of the jobs of a sweep in Slurm's queue."""

import getpass
import logging
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from submitit.core.core import Job
from submitit.core.utils import UncompletedJobError
from submitit.slurm.slurm import SlurmInfoWatcher

from salmon.cli import Stopped
from salmon.errors import SalmonError
from salmon.runtime.status import failure_of

log = logging.getLogger("salmon")

_POLL_SECONDS = 1.0  # of the result files; squeue is asked far less often
_SQUEUE = ("squeue", "--noheader", "--array", "--format=%i|%T")


class SqueueWatcher(SlurmInfoWatcher):
    """States of jobs from squeue: submitit's own watcher asks sacct, and waits for ever for a killed job where Slurm
    keeps no accounts.
    """

    def _make_command(self) -> list[str] | None:
        return [*_SQUEUE, "--states=all", "--user", getpass.getuser()] if self._registered - self._finished else None

    def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
        """Of every registered job; GONE where Slurm has forgotten it, which it does some minutes after the end."""
        states = _states(string.decode() if isinstance(string, bytes) else string)
        return {job: {"State": states.get(job, "GONE")} for job in self._registered}


def queued() -> set[str]:
    """Ids of this user's jobs that wait or run. Raises ``SalmonError`` where Slurm does not answer."""
    command = [*_SQUEUE, "--user", getpass.getuser()]
    try:
        return set(
            _states(subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=True).stdout)
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise SalmonError(f"{' '.join(command)}: Slurm does not answer ({str(reason).strip()})") from error


def _states(listing: str) -> dict[str, str]:
    return dict(line.strip().split("|", 1) for line in listing.splitlines() if "|" in line)


def await_jobs(jobs: Mapping[int, Job[Any]], folders: Mapping[int, Path]) -> dict[int, JobReturn]:
    """Wait for every job; one that failed or was killed is a failed ``JobReturn``, and its status.json says so."""
    returns: dict[int, JobReturn] = {}
    try:
        while len(returns) < len(jobs):
            for number in [number for number, job in jobs.items() if number not in returns and job.done()]:
                returns[number] = _outcome(jobs[number], folders[number])
                log.info(
                    "%d of %d: %s %s",
                    len(returns),
                    len(jobs),
                    folders[number].name,
                    returns[number].status.name.lower(),
                )
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        ids = " ".join(job.job_id for number, job in jobs.items() if number not in returns)
        log.info("the jobs go on in Slurm; the same command waits for them again. To end them: scancel %s", ids)
        raise
    return returns


def _outcome(job: Job[Any], folder: Path) -> JobReturn:
    try:
        returned: JobReturn = job.task(0).result()  # of the first process; the others have none of their own
        return returned
    except UncompletedJobError:
        failed = JobReturn(overrides=[folder.name], status=JobStatus.FAILED)  # Hydra prints them
        failed.return_value = Stopped(f"\nsalmon: {folder.name}: {_failure(job, folder)}\n")
        return failed


def _failure(job: Job[Any], folder: Path) -> str:
    ended = (
        f"Slurm job {job.job_id} ended as {job.state} without a result; {job.task(0).paths.stderr} may say why. "
        "The same command continues it"
    )
    told = failure_of(folder / "status.json", ended)
    if told is None:
        log.error("job %s failed: %s", folder.name, ended)
    return told or ended
