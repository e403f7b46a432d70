"""The artifact store: what a stage made, under the fingerprint of what it was made from.

::

    <root>/<stage>/<fingerprint>.lock      held by the process that makes the artifact
    <root>/<stage>/<fingerprint>.partial/  work in progress; kept when interrupted, never read as an artifact
    <root>/<stage>/<fingerprint>/          finished: appears whole, by one rename, and is never changed after

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
from functools import cached_property
from pathlib import Path
from typing import Any, Required, cast

from filelock import FileLock, Timeout
from typing_extensions import TypedDict

from salmon.errors import SalmonError
from salmon.runtime.files import UNFINISHED, file_digest, fsync_path, storage_errors, write_json_atomic
from salmon.runtime.fingerprint import fingerprint, semantic
from salmon.runtime.foreign import read_json_as

__all__ = [
    "Artifact",
    "Store",
    "fingerprint",
    "open_artifact",
    "semantic",
    "storage_errors",
    "write_json_atomic",
]

log = logging.getLogger("salmon")

MANIFEST = "manifest.json"
_POLL_SECONDS = 0.2


class Manifest(TypedDict, total=False):
    """What every manifest.json has; a stage adds keys of its own."""

    stage: Required[str]
    fingerprint: Required[str]
    files: Required[dict[str, str]]
    metrics: Required[dict[str, Any]]
    checkpoints: Required[dict[str, str]]
    steps: dict[str, int]


@dataclass(frozen=True)
class Artifact:
    """A finished stage result. ``path`` holds its files; nothing below it changes any more."""

    stage: str
    fingerprint: str
    path: Path

    @property
    def name(self) -> str:
        """Name in W&B's lineage graph."""
        return f"{self.stage}-{self.fingerprint}"

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return _read_manifest(self.path)

    @property
    def metrics(self) -> dict[str, Any]:
        """The stage's final numbers."""
        return self.manifest["metrics"]

    @property
    def checkpoints(self) -> dict[str, Path]:
        """Folders of the models it holds, by name."""
        return {name: self.path / relative for name, relative in self.manifest["checkpoints"].items()}

    @property
    def steps(self) -> dict[str, int]:
        """Updates that made each of these models, where the stage said so."""
        return self.manifest.get("steps", {})

    def verify(self) -> None:
        """Compare every file with the SHA-256 written when it was finished (reads all of it).

        Raises ``SalmonError`` that lists what was changed, removed or added.
        """
        expected = self.manifest["files"]
        found = {name: file_digest(path) for name, path in _files(self.path).items()}
        faults = [f"{name} is missing" for name in sorted(expected.keys() - found.keys())]
        faults += [f"{name} was added" for name in sorted(found.keys() - expected.keys())]
        both = sorted(expected.keys() & found.keys())
        faults += [f"{name} was changed" for name in both if expected[name] != found[name]]
        if faults:
            raise SalmonError(
                f"{self.path} is not as it was made: {'; '.join(faults)}. Delete the folder to make it again."
            )


def open_artifact(path: Path) -> Artifact:
    """The artifact in a folder, wherever it was moved to.

    Raises ``SalmonError`` when the folder has no readable manifest, so it is no finished artifact.
    """
    manifest = _read_manifest(path)
    return Artifact(manifest["stage"], manifest["fingerprint"], path)


@dataclass(frozen=True)
class Store:
    root: Path

    def get(self, stage: str, fingerprint: str) -> Artifact | None:
        """The finished artifact, or None when it has yet to be made."""
        path = self.root / stage / fingerprint
        return open_artifact(path) if path.exists() else None

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
        """The folder to work in: empty at first, with everything a killed try left behind later on."""
        path = self.root / stage / f"{fingerprint}.partial"
        with storage_errors(self.root):
            path.mkdir(parents=True, exist_ok=True)
        return path

    def commit(self, stage: str, fingerprint: str, manifest: dict[str, Any]) -> Artifact:
        """Finish the artifact in ``work_dir``; call with the lock held and all its files closed.

        ``manifest`` is JSON-ready, with ``metrics`` (name -> number) and ``checkpoints`` (name -> folder
        relative to the artifact) where the stage has them, and the ``steps`` that made them. Added here: ``stage``,
        ``fingerprint``, ``created`` (UTC) and ``files`` (relative path -> SHA-256).
        """
        work, final = self.work_dir(stage, fingerprint), self.root / stage / fingerprint
        whole = {"metrics": {}, "checkpoints": {}, **manifest, "stage": stage, "fingerprint": fingerprint}
        for name, relative in whole["checkpoints"].items():
            if not (work / relative).exists():
                raise ValueError(f"checkpoint {name!r} of {stage}: {work / relative} does not exist")
        with storage_errors(self.root):
            for left in work.rglob(f".*{UNFINISHED}"):  # by a kill
                left.unlink()
            files = _files(work)
            for path in files.values():
                fsync_path(path)
            whole["files"] = {name: file_digest(path) for name, path in files.items()}
            whole["created"] = datetime.now(UTC).isoformat(timespec="seconds")
            write_json_atomic(work / MANIFEST, whole)
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
        return open_artifact(final)


def _files(folder: Path) -> dict[str, Path]:
    """Every file below ``folder`` except the manifest, by relative POSIX path, sorted."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in paths if path != folder / MANIFEST}


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        return cast(dict[str, Any], read_json_as(path, Manifest))
    except SalmonError as error:
        raise SalmonError(
            f"{error}. A finished artifact always has a whole {MANIFEST}: if this folder was damaged, delete it and "
            "run again; if it is not an artifact, name another."
        ) from error
