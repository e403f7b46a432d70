"""Which checkpoints are meant, and which of them are the same."""

from pathlib import Path

from salmon.errors import SalmonError
from salmon.runtime.files import sha256_of
from salmon.runtime.store import MANIFEST, Artifact, open_artifact

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
BASE = "base"


def find_checkpoints(spec: str) -> tuple[dict[str, Path | None], dict[str, Artifact]]:
    """Adapter folder by checkpoint name (None: the plain base), and the artifacts they come from.

    Raises:
        SalmonError: a path that is neither an artifact with checkpoints nor an adapter folder.
    """
    found: list[tuple[str, str, Path | None]] = []  # (name, longer name, folder)
    artifacts = {}
    for part in filter(None, (part.strip() for part in spec.split(","))):
        path = Path(part).expanduser().resolve()
        if part == BASE:
            found.append((BASE, BASE, None))
        elif (path / MANIFEST).is_file():
            artifact = open_artifact(path)
            if not artifact.checkpoints:
                raise SalmonError(
                    f"checkpoint={part}: a {artifact.stage} artifact holds no policy to evaluate"
                )
            artifacts[artifact.name] = artifact
            found += [
                (name, f"{name}-{artifact.fingerprint[:8]}", folder)
                for name, folder in artifact.checkpoints.items()
            ]
        elif all((path / file).is_file() for file in ADAPTER_FILES):
            found.append((path.name, "-".join(path.parts[-3:]).strip("/-"), path))
        else:
            raise SalmonError(
                f"checkpoint={part}: {path} is neither an artifact folder ({MANIFEST}) nor a PEFT adapter "
                f"folder ({', '.join(ADAPTER_FILES)}), nor the word {BASE}"
            )
    if not found:
        raise SalmonError(
            "checkpoint= is empty: give an artifact folder, an adapter folder, or the word base"
        )
    short = [name for name, _, _ in found]
    named = {name if short.count(name) == 1 else longer: folder for name, longer, folder in found}
    if len(named) < len(found):
        raise SalmonError(
            f"checkpoint={spec}: the same checkpoint, or two with the same path end, more than once"
        )
    return named, artifacts


def adapter_hash(adapter: Path | None) -> str:
    """Hex digest of an adapter's files; equal adapters give equal figures. "base" for None."""
    if adapter is None:
        return "base"
    return " ".join(sha256_of(adapter / file)[:16] for file in ADAPTER_FILES)
