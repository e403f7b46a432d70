"""``salmon store list|verify|repair [FOLDER]``: what a store holds, and whether it is whole; a way out where not."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from salmon.errors import SalmonError
from salmon.runtime.artifact import Artifact
from salmon.runtime.store import Store
from salmon.runtime.tables import aligned_table

COMMANDS = ("list", "verify", "repair")
DEFAULT = Path("runs/store")  # of paths.store
_FINGERPRINT = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Found:
    """A finished artifact's folder."""

    store: Store
    stage: str
    fingerprint: str

    @property
    def path(self) -> Path:
        return self.store.root / self.stage / self.fingerprint

    def open(self) -> Artifact:
        """Raises ``SalmonError`` where its manifest is damaged or another's."""
        artifact = self.store.find(self.stage, self.fingerprint)
        if artifact is None:
            raise SalmonError(f"{self.path} is no longer there")
        return artifact

    def fault(self) -> str | None:
        """What is wrong with it, every file read; None where it is whole."""
        try:
            self.open().verify()
        except SalmonError as error:
            return str(error)
        return None


def run_store_command(arguments: Sequence[str]) -> tuple[str, int]:
    """What the command prints, and its exit status: 1 where ``verify`` found damage.

    Raises:
        SalmonError: an unknown command, or a folder that is neither a store nor an artifact of one.
    """
    command, *rest = arguments or ("",)
    if command not in COMMANDS or len(rest) > 1:
        raise SalmonError("salmon store takes one of list, verify, repair, and a folder: salmon store --help")
    found = list(find_artifacts(Path(rest[0]).expanduser() if rest else DEFAULT))
    if command == "list":
        return list_text(found), 0
    damaged = {one: fault for one in found if (fault := one.fault()) is not None}
    lines = [f"{len(found) - len(damaged)} of {len(found)} artifacts are whole", *damaged.values()]
    if command == "repair":
        lines[1:] = [line for one, fault in damaged.items() for line in repair(one, fault, found)]
    return "\n".join(lines), int(command == "verify" and bool(damaged))


def find_artifacts(folder: Path) -> Iterator[Found]:
    """The finished artifacts of a store; or the one that the folder is.

    Raises:
        SalmonError: the folder is neither.
    """
    folder = folder.absolute()
    if not folder.is_dir():
        raise SalmonError(f"{folder}: there is no such folder; give a store (paths.store), or an artifact in it")
    if _FINGERPRINT.fullmatch(folder.name):
        yield Found(Store(folder.parent.parent), folder.parent.name, folder.name)
        return
    for stage in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in sorted(path for path in stage.iterdir() if path.is_dir() and _FINGERPRINT.fullmatch(path.name)):
            yield Found(Store(folder), stage.name, path.name)


def repair(one: Found, fault: str, everything: Sequence[Found]) -> Iterator[str]:
    """Set a damaged artifact aside; what was done, and what was made from it."""
    with one.store.lock(one.stage, one.fingerprint):
        aside = one.store.set_aside(one.stage, one.fingerprint)
    yield f"{fault.partition('. ')[0]}: now {aside.name}; the job that needs it makes it again"
    name = f"{one.stage}-{one.fingerprint}"
    for other in everything:
        try:
            upstream = other.open().manifest.get("upstream", {})
        except SalmonError:
            continue
        if name in upstream.values():
            yield f"  {other.path} was made from it: delete it too, unless it was made before the damage"


def list_text(found: Sequence[Found]) -> str:
    """A line an artifact: stage, fingerprint, when it was made, its size."""
    rows = []
    for one in found:
        try:
            made = str(one.open().manifest.get("created", ""))
        except SalmonError:
            made = "damaged"
        size = sum(path.stat().st_size for path in one.path.rglob("*") if path.is_file())
        rows.append((one.stage, one.fingerprint, made, f"{size / 2**20:.1f}"))
    return aligned_table(("stage", "fingerprint", "made", "MiB"), rows, rule=True)
