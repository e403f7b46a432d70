"""The artifact store: what a stage made, under the fingerprint of what it was made from.

::

    <root>/<stage>/<fingerprint>.lock       held by the process that makes the artifact
    <root>/<stage>/<fingerprint>.partial/   work in progress; kept when interrupted, never read as an artifact
    <root>/<stage>/<fingerprint>/           finished: appears whole, by one rename, and is never changed after
    <root>/<stage>/<fingerprint>.damaged_N/ was changed all the same, and set aside

In a work folder, names that begin with a dot are temporary, and no part of the artifact. ``.state/`` is what an
interrupted try goes on from; it is removed after the rename, so that no moment is without the one or the other.

The way to make an artifact once, whatever else runs at the same time::

    artifact = store.get(stage, fp)             # first without the lock: works on a read-only store
    if artifact is None:
        with store.lock(stage, fp):
            artifact = store.get(stage, fp)     # another process may have made it while we waited
            if artifact is None:
                work = store.work_dir(stage, fp)
                ...
                artifact = store.commit(stage, fp, manifest)
"""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from salmon.config.run import OnDamage
from salmon.errors import SalmonError
from salmon.runtime.artifact import MANIFEST, Artifact, DamagedArtifact, files_of, open_artifact, sealed
from salmon.runtime.files import file_digest, fsync_path, storage_errors, write_json_atomic

__all__ = ["MANIFEST", "STATE", "Artifact", "Store", "open_artifact"]

log = logging.getLogger("salmon")

STATE = ".state"  # in a work folder: what an interrupted try goes on from
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Store:
    root: Path
    on_damage: OnDamage = OnDamage.stop

    def get(self, stage: str, fingerprint: str) -> Artifact | None:
        """The finished artifact, its files checked; None when it has yet to be made, or made again (``on_damage``).

        Raises:
            SalmonError: it is not as it was made, or is another's.
        """
        try:
            artifact = self.find(stage, fingerprint)
            if artifact is not None:
                artifact.check()
        except SalmonError as error:
            if self.on_damage is OnDamage.stop:
                raise
            _warn_once(f"{error}. It counts as not made (paths.on_damage=remake)")
            return None
        return artifact

    def find(self, stage: str, fingerprint: str) -> Artifact | None:
        """As ``get``, but its files are not read: for what is only to be named.

        Raises:
            SalmonError: its manifest cannot be read, or is another artifact's.
        """
        path = self.root / stage / fingerprint
        if not path.exists():
            return None
        artifact = open_artifact(path)
        if (artifact.stage, artifact.fingerprint) != (stage, fingerprint):
            raise DamagedArtifact(path, f"its {MANIFEST} is of {artifact.name}")
        shutil.rmtree(path / STATE, ignore_errors=True)  # a kill came between the rename and this
        return artifact

    def set_aside(self, stage: str, fingerprint: str) -> Path:
        """Move a finished artifact out of the way, so that it is made again; nothing is deleted. The new folder."""
        path = self.root / stage / fingerprint
        aside = next(
            free for number in count(1) if not (free := path.with_name(f"{fingerprint}.damaged_{number}")).exists()
        )
        with storage_errors(self.root):
            path.rename(aside)
        return aside

    @contextmanager
    def lock(self, stage: str, fingerprint: str) -> Iterator[None]:
        """Wait for, then hold, the right to make an artifact. Not re-entrant.

        The operating system drops the lock when its holder dies, so a kill leaves nothing to clean up.
        """
        path = self.root / stage / f"{fingerprint}.lock"
        lock = FileLock(path, poll_interval=_POLL_SECONDS)
        with storage_errors(self.root):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                log.info("waiting for another process that makes %s %s", stage, fingerprint)
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def work_dir(self, stage: str, fingerprint: str) -> Path:
        """The folder to work in: empty at first, with everything a killed try left behind later on.

        Call with the lock held, after ``get`` found nothing. A damaged artifact in the place is set aside.
        """
        path = self.root / stage / f"{fingerprint}.partial"
        if self.on_damage is OnDamage.remake and (self.root / stage / fingerprint).exists():
            log.warning("the damaged artifact is now %s", self.set_aside(stage, fingerprint))
        with storage_errors(self.root):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, stage: str, fingerprint: str, manifest: dict[str, Any]) -> Artifact:
        """Finish the artifact in ``work_dir``; call with the lock held and all its files closed.

        ``manifest`` is JSON-ready, with ``metrics`` (name -> number) and ``checkpoints`` (name -> folder
        relative to the artifact) where the stage has them, and the ``steps`` that made them. Added here: ``stage``,
        ``fingerprint``, ``created`` (UTC) and ``files`` (relative path -> SHA-256).
        """
        final = self.root / stage / fingerprint
        work = final.with_name(f"{fingerprint}.partial")
        whole = {"metrics": {}, "checkpoints": {}, **manifest, "stage": stage, "fingerprint": fingerprint}
        for name, relative in whole["checkpoints"].items():
            if not (work / relative).exists():
                raise ValueError(f"checkpoint {name!r} of {stage}: {work / relative} does not exist")
        with storage_errors(self.root):
            remove_temporary(work)
            files = files_of(work)
            for path in files.values():
                fsync_path(path)
            whole["files"] = {name: file_digest(path) for name, path in files.items()}
            whole["created"] = datetime.now(UTC).isoformat(timespec="seconds")
            write_json_atomic(work / MANIFEST, sealed(whole))
            for folder in {path.parent for path in files.values()} | {work}:
                fsync_path(folder)
            if final.exists():
                # Only where the lock did not hold (a file system without flock): equal fingerprints are equal
                # artifacts, and somebody may be reading the one that came first.
                log.warning("%s was finished by another process as well; keeping the first one", final)
                shutil.rmtree(work)
            else:
                os.rename(work, final)
            fsync_path(final.parent)
        shutil.rmtree(final / STATE, ignore_errors=True)
        return open_artifact(final)


@cache
def _warn_once(message: str) -> None:
    log.warning("%s", message)


def remove_temporary(work: Path) -> None:
    """Remove what a kill left half-made in a work folder; ``.state`` stays."""
    for left in sorted(work.rglob(".*")):
        if left.is_dir() and not left.is_symlink():
            if left != work / STATE and work / STATE not in left.parents:
                shutil.rmtree(left)
        elif work / STATE not in left.parents:
            left.unlink(missing_ok=True)
