"""Artifacts in W&B's lineage graph: names and hashes of files, whose content stays where it is."""

from functools import partial
from pathlib import Path
from typing import Any

import wandb

from salmon.tracking.redaction import redact


def log_without_asking(run: wandb.Run) -> None:
    """Let the run log artifacts, those that hold its tables included, as a record that is sent or synced later.

    Online, W&B would first ask its server about the name, and ``use_artifact`` would wait for the answer: in an outage
    that stops training, or ends the record of the run. Offline, ``use_artifact`` refuses.
    """
    run._log_artifact = partial(_publish, run)  # type: ignore[method-assign]


def use(run: wandb.Run, name: str, kind: str, path: Path) -> None:
    """Say that the run reads an artifact."""
    _publish(run, _reference(name, kind, path, {}), is_user_created=True, use_after_commit=True)


def log_output(run: wandb.Run, name: str, kind: str, path: Path, metadata: dict[str, Any]) -> None:
    """Say that the run made an artifact."""
    _publish(run, _reference(name, kind, path, metadata), is_user_created=True)


def _publish(
    run: wandb.Run,
    artifact: wandb.Artifact,
    *,
    is_user_created: bool = False,
    use_after_commit: bool = False,
    **_: object,
) -> wandb.Artifact:
    artifact.finalize()
    assert run._interface is not None, "a run that was started"
    run._interface.publish_artifact(
        run, artifact, ["latest"], is_user_created=is_user_created, use_after_commit=use_after_commit
    )
    return artifact


def _reference(name: str, kind: str, path: Path, metadata: dict[str, Any]) -> wandb.Artifact:
    """Refers to ``salmon://NAME/FILE``: NAME is <stage>-<fingerprint>, a folder of whatever store has it."""
    artifact = wandb.Artifact(name, type=kind, metadata=redact(metadata))
    folder = path.resolve()
    for file in sorted(item for item in folder.rglob("*") if item.is_file()):  # given a folder, W&B prints
        artifact.add_reference(file.as_uri(), name=file.relative_to(folder).as_posix())
    for file_name, entry in artifact.manifest.entries.items():
        entry.ref = f"salmon://{name}/{file_name}"  # hashed by now; where it lies here concerns nobody else
    return artifact
