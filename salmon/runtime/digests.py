"""Hashes of large files, each computed once: kept with what tells that the file is still the same."""

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from salmon.errors import SalmonError
from salmon.runtime.files import file_digest, write_json_atomic
from salmon.runtime.foreign import read_json

log = logging.getLogger("salmon")

FOLDER = "digests"  # in paths.cache
KEPT_FROM = 2**24  # bytes; a smaller file is hashed sooner than its hash is looked up
SPOKEN_OF_FROM = 2**30  # bytes; what takes seconds is said beforehand
# A file may be written twice within one tick of its file system's clock, so the hash of a younger one is not kept.
SETTLED_S = 2.0
READERS = 8  # hashing releases the interpreter's lock; disks of large machines feed several readers


@dataclass(frozen=True)
class FileState:
    """What is another after any change of a file's content that a program makes without hiding it."""

    path: str
    size: int
    mtime_ns: int
    ctime_ns: int  # changes with mtime, and where a program sets that back
    inode: int

    @classmethod
    def of(cls, file: Path) -> "FileState":
        """The state now; links are followed."""
        status = file.stat()
        return cls(os.path.realpath(file), status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)

    @property
    def settled(self) -> bool:
        return time.time() - max(self.mtime_ns, self.ctime_ns) / 1e9 > SETTLED_S


_read_by_this_process: dict[FileState, str] = {}


def digest_once(file: Path) -> str:
    """Hex SHA-256 of a file's content; a file that has stayed as it is is read once in a process.

    Raises:
        OSError: it cannot be read.
    """
    state = FileState.of(file)
    if state not in _read_by_this_process:
        digest = file_digest(file)
        if not state.settled:
            return digest
        _read_by_this_process[state] = digest
    return _read_by_this_process[state]


def kept_digests(files: Sequence[Path], cache: Path) -> list[str]:
    """Hex SHA-256 of the content of each file; of a large one it is computed once, and kept in ``cache``.

    Raises:
        OSError: a file cannot be read.
    """
    folder = cache.expanduser() / FOLDER
    large = sum(size for file in files if (size := file.stat().st_size) >= KEPT_FROM and _kept(file, folder) is None)
    if large >= SPOKEN_OF_FROM:
        log.info("hashing %.0f GB of weights, once: the hashes are kept in %s", large / 1e9, folder)
    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(lambda file: _digest(file, folder), files))


def _digest(file: Path, folder: Path) -> str:
    if file.stat().st_size < KEPT_FROM:
        return file_digest(file)
    if (known := _kept(file, folder)) is not None:
        return known
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{_entry(file, folder)}.lock"):  # of several processes one reads the file
            return _kept(file, folder) or _keep(file, folder)
    except OSError:  # no cache can be written here
        return file_digest(file)


def _keep(file: Path, folder: Path) -> str:
    before = FileState.of(file)
    digest = file_digest(file)
    if before.settled and FileState.of(file) == before:
        write_json_atomic(_entry(file, folder), {**asdict(before), "sha256": digest})
    return digest


def _kept(file: Path, folder: Path) -> str | None:
    """The hash that was kept of the file as it is; None where there is none."""
    with suppress(OSError, SalmonError, KeyError):  # an entry that cannot be read is made again
        entry = read_json(_entry(file, folder))
        digest = str(entry.pop("sha256"))
        return digest if entry == asdict(FileState.of(file)) else None
    return None


def _entry(file: Path, folder: Path) -> Path:
    return folder / f"{hashlib.sha256(os.fsencode(os.path.realpath(file))).hexdigest()[:32]}.json"
