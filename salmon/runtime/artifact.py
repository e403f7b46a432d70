"""A finished artifact: its manifest, and whether its files are still those that the manifest names."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, Required, cast

from typing_extensions import TypedDict

from salmon.errors import SalmonError
from salmon.runtime.digests import digest_once
from salmon.runtime.files import file_digest
from salmon.runtime.foreign import read_json_as
from salmon.runtime.parsing import parse_json

MANIFEST = "manifest.json"
WAY_OUT = (
    f"A finished artifact always has a whole {MANIFEST}: if this folder was damaged, `salmon store repair FOLDER` sets "
    "it aside; if it is not an artifact, name another"
)


class Manifest(TypedDict, total=False):
    """What every manifest.json has; a stage adds keys of its own."""

    stage: Required[str]
    fingerprint: Required[str]
    files: Required[dict[str, str]]  # relative path -> SHA-256
    metrics: Required[dict[str, float | None]]
    checkpoints: Required[dict[str, str]]
    steps: dict[str, int]
    upstream: dict[str, str]
    config: dict[str, Any]
    seal: str  # digest of all the rest


class DamagedArtifact(SalmonError):
    """A finished artifact is not as it was made."""

    def __init__(self, folder: Path, faults: str) -> None:
        super().__init__(
            f"{folder} is not as it was made: {faults}. Nothing is made from it. `salmon store repair {folder}` sets "
            "it aside, and the next run makes it again; paths.on_damage=remake does both within a run"
        )


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
        return read_manifest(self.path)

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

    def check(self) -> None:
        """What every use of the artifact begins with: each listed file has the content that it was made with.

        A file is read once in a process, and again only after a change of its size or times.

        Raises:
            DamagedArtifact: names each file that is missing or was changed.
        """
        self._require(self._faults(self.manifest["files"], digest_once))

    def file(self, name: str) -> Path:
        """One of its files, checked as ``check`` does; ``DamagedArtifact`` also where the manifest does not list it."""
        listed = self.manifest["files"]
        self._require(self._faults({name: listed.get(name, "")}, digest_once))
        return self.path / name

    def verify(self) -> None:
        """As ``check``, but every file is read again, and one that was added is named too."""
        added = [f"{name} was added" for name in files_of(self.path) if name not in self.manifest["files"]]
        self._require([*self._faults(self.manifest["files"], file_digest), *added])

    def _faults(self, expected: Mapping[str, str], digest: Callable[[Path], str]) -> Iterator[str]:
        for name, right in sorted(expected.items()):
            try:
                found = digest(self.path / name)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                yield f"{name} is missing"
            except OSError as error:
                yield f"{name} cannot be read ({error.strerror})"
            else:
                if found != right:
                    yield f"{name} was changed" if right else f"{name} is not one of its files"

    def _require(self, faults: "Iterator[str] | list[str]") -> None:
        if found := list(faults):
            raise DamagedArtifact(self.path, "; ".join(found))


def open_artifact(folder: Path) -> Artifact:
    """The artifact in a folder, wherever it was moved to. Its files are not looked at: see ``Artifact.check``.

    Raises:
        SalmonError: the folder has no readable manifest, so it is no finished artifact.
    """
    manifest = read_manifest(folder)
    return Artifact(manifest["stage"], manifest["fingerprint"], folder)


def artifact_around(path: Path) -> Artifact | None:
    """The artifact that a file or folder lies in, or is; None where it lies in none.

    Raises:
        DamagedArtifact: its manifest was changed.
    """
    for folder in (path, *path.parents):
        if (folder / MANIFEST).is_file():
            try:
                return open_artifact(folder)
            except DamagedArtifact:
                raise
            except SalmonError:  # another program's manifest
                return None
    return None


def files_of(folder: Path) -> dict[str, Path]:
    """Every file of an artifact except its manifest, by relative POSIX path, sorted.

    A name that begins with a dot is of something temporary, or of the desktop: it is never part of an artifact.
    """
    found = {path.relative_to(folder): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {
        relative.as_posix(): path
        for relative, path in found.items()
        if relative.as_posix() != MANIFEST and not any(part.startswith(".") for part in relative.parts)
    }


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest as JSON will have it, with a digest of all that it says."""
    plain = parse_json(json.dumps(manifest, allow_nan=False).encode())
    return {**plain, "seal": _seal(plain)}


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of an artifact's folder.

    Raises:
        SalmonError: it cannot be read, lacks something, or was changed.
    """
    try:
        manifest = cast(dict[str, Any], read_json_as(folder / MANIFEST, Manifest))
    except SalmonError as error:
        raise SalmonError(f"{error}. {WAY_OUT}") from error
    for name in manifest["files"]:
        if (inside := PurePosixPath(name)).is_absolute() or ".." in inside.parts or "\0" in name:
            raise SalmonError(f"{folder / MANIFEST}: files: {name!r} does not lie in the folder. {WAY_OUT}")
    if "seal" in manifest and manifest["seal"] != _seal(manifest):
        raise DamagedArtifact(folder, f"{MANIFEST} was changed")
    return manifest


def _seal(manifest: Mapping[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key != "seal"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
