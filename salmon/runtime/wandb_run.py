"""One W&B run. Everything that is particular to W&B 0.31 stands here.

- The run object is kept and ``finish`` always called: the module-level API returns the previous run when one
  was left open, so ``reinit="create_new"`` is used, and ``wandb.run`` / ``wandb.log`` never.
- W&B drops what is logged at a lower step than its own counter, which a resumed stage does; so our step is a
  metric of its own, ``<stage>/step``, and the axis of every family.
- Offline, a resumed run makes a second folder with the same id; ``wandb sync`` joins them.
"""

import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import wandb

from salmon.config.schema import TrackingConfig
from salmon.errors import SalmonError
from salmon.runtime.files import require_writable, storage_errors, write_text_atomic
from salmon.runtime.glossary import families
from salmon.runtime.store import Artifact

log = logging.getLogger("salmon")

ID_FILE = "wandb_run_id"


class WandbRun:
    """Created started; ``finish`` ends it. When W&B's service dies, the stage goes on without it."""

    def __init__(
        self,
        tracking: TrackingConfig,
        wandb_dir: Path,
        stage: str,
        work: Path,
        config: dict[str, Any],
        group: str,
        tags: list[str],
        name: str,
        inputs: Mapping[str, Artifact],
    ) -> None:
        self.stage = stage
        self.id = _run_id(work)
        require_writable(wandb_dir)  # otherwise W&B silently falls back to the temporary folder
        os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")  # it advertises itself where openai is imported
        # Where tables wait for `wandb sync`; W&B's default is the home folder, which may be another then.
        os.environ.setdefault("WANDB_DATA_DIR", str(wandb_dir.resolve() / "wandb" / "data"))
        fingerprints = {key: artifact.fingerprint for key, artifact in inputs.items()}
        try:
            self._run: wandb.Run | None = wandb.init(
                mode=tracking.wandb.value,
                project=tracking.project,
                dir=str(wandb_dir),
                id=self.id,
                resume="allow",
                reinit="create_new",
                group=group,
                job_type=stage,
                tags=tags,
                name=name,
                config=public_config({**config, "inputs": fingerprints}),
                settings=wandb.Settings(console="off", silent=True, disable_git=True, disable_code=True),
            )
        except wandb.Error as error:
            raise SalmonError(
                f"W&B could not start {tracking.wandb.value}: {error}. Run `wandb login`, check the network, "
                "or set tracking.wandb=offline and upload later with `wandb sync`."
            ) from error
        self._send(self._define_axes)
        for artifact in inputs.values():
            self._send(partial(_use, artifact))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._send(lambda run: run.log({**metrics, f"{self.stage}/step": step}))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int) -> None:
        table = wandb.Table(columns=list(columns), data=[list(row) for row in rows])
        self._send(lambda run: run.log({f"samples/{name}": table, f"{self.stage}/step": step}))

    def image(self, name: str, path: Path, step: int) -> None:
        self._send(lambda run: run.log({f"samples/{name}": wandb.Image(str(path)), f"{self.stage}/step": step}))

    def summary(self, values: Mapping[str, float]) -> None:
        self._send(lambda run: run.summary.update(dict(values)))

    def output(self, name: str, path: Path, metadata: dict[str, Any]) -> None:
        self._send(lambda run: run.log_artifact(_reference(name, self.stage, path, metadata)))

    def finish(self, exit_code: int) -> None:
        self._send(lambda run: run.finish(exit_code=exit_code))
        self._run = None

    def _define_axes(self, run: wandb.Run) -> None:
        axis = f"{self.stage}/step"
        run.define_metric(axis, hidden=True)
        for family in families(self.stage):
            run.define_metric(f"{family}/*", step_metric=axis)  # W&B's globs are prefixes only

    def _send(self, action: Callable[[wandb.Run], object]) -> None:
        """Do something with the run; hours of training must not be lost because W&B's own process died."""
        if self._run is None:
            return
        try:
            action(self._run)
        except (OSError, wandb.Error) as error:
            self._run = None
            log.warning("W&B stopped working (%s); the stage goes on and metrics.jsonl is complete", error)


def _use(artifact: Artifact, run: wandb.Run) -> None:
    reference = _reference(artifact.name, artifact.stage, artifact.path, {})
    if run.offline:
        # The public use_artifact refuses to work offline, but the record it makes is synced like any other.
        run._log_artifact(reference, is_user_created=True, use_after_commit=True)
    else:
        run.use_artifact(reference)


def public_config(value: Any) -> Any:
    """A copy without the user's home folder in paths ("~" instead) and without passwords in URLs."""
    if isinstance(value, dict):
        return {key: public_config(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public_config(item) for item in value]
    if not isinstance(value, str):
        return value
    home = str(Path.home())
    if home != "/" and (value == home or value.startswith(home + "/")):
        return "~" + value[len(home) :]
    if "://" in value and "@" in urlsplit(value).netloc:
        return value.replace(urlsplit(value).netloc.rpartition("@")[0], "***", 1)
    return value


def _run_id(work: Path) -> str:
    """This execution's id: kept in the work folder, so that an interrupted stage continues the same run."""
    path = work / ID_FILE
    if not path.exists():
        with storage_errors(work):
            write_text_atomic(path, uuid.uuid4().hex[:12])
    return path.read_text(encoding="utf-8")


def _reference(name: str, kind: str, path: Path, metadata: dict[str, Any]) -> wandb.Artifact:
    """An artifact for the lineage graph: names and hashes of the files, whose content stays where it is."""
    artifact = wandb.Artifact(name, type=kind, metadata=public_config(metadata))
    folder = path.resolve()
    for file in sorted(item for item in folder.rglob("*") if item.is_file()):  # given a folder, W&B prints
        artifact.add_reference(file.as_uri(), name=file.relative_to(folder).as_posix())
    return artifact
