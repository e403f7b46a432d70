"""One W&B run. What is particular to W&B 0.31 stands here and in the ``wandb_*`` modules beside.

- The run object is kept and ``finish`` always called: the module-level API returns the previous run when one
  was left open, so ``reinit="create_new"`` is used, and ``wandb.run`` / ``wandb.log`` never.
- W&B drops what is logged at a lower step than its own counter, which a resumed stage does; so our step is a
  metric of its own, ``<stage>/step``, and the axis of every family.
- Offline, a resumed run makes a second folder with the same id; ``wandb sync`` joins them.
- Without its server W&B waits: 90 s to start, for ever to finish. Both are bounded, and what it did not send
  stays in the run's file.
"""

import logging
import os
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import wandb

from salmon.config.run import TrackingConfig, WandbMode
from salmon.config.texts import shown
from salmon.errors import SalmonError
from salmon.runtime.files import require_writable, storage_errors, write_text_atomic
from salmon.tracking.glossary import families
from salmon.tracking.redaction import redact
from salmon.tracking.run_description import RunDescription
from salmon.tracking.wandb_agent import hidden_agent, sweep_agent
from salmon.tracking.wandb_artifacts import log_output, log_without_asking, use

log = logging.getLogger("salmon")

ID_FILE = "wandb_run_id"
START_SECONDS = 30.0
FINISH_SECONDS = 60.0
# For an artifact 30 s in all: ``finish_timeout`` does not end W&B's waiting for these, only for metrics and files.
RETRIES: dict[str, Any] = {"x_graphql_retry_max": 4, "x_graphql_retry_wait_max_seconds": 15.0}
_ID = re.compile(r"[\w-]{1,128}")
_REFUSED = re.compile(r"returned error 40[134]")  # the server answers: not allowed, or no such project
_REMEDY = "Run `wandb login`, or set tracking=offline and upload later with `python -m sweeps.sync`."


class WandbRun:
    """Created started; ``finish`` ends it. When W&B's service dies, the stage goes on without it."""

    def __init__(self, tracking: TrackingConfig, run: RunDescription, wandb_dir: Path) -> None:
        self.stage = run.stage
        agent = sweep_agent()
        mine = agent if agent and tracking.sweep_stage.name == run.stage else None
        self.id = _run_id(run.work, mine.run_id if mine else None)
        require_writable(wandb_dir)  # otherwise W&B silently falls back to the temporary folder
        os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")  # it advertises itself where openai is imported
        # Where tables wait for `wandb sync`; W&B's default is the home folder, which may be another then.
        os.environ.setdefault("WANDB_DATA_DIR", str(wandb_dir.resolve() / "wandb" / "data"))
        fingerprints = {key: artifact.fingerprint for key, artifact in run.inputs.items()}
        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            init_timeout=START_SECONDS,
            finish_timeout=FINISH_SECONDS,
            finish_timeout_raises=True,
            x_disable_meta=True,  # the command line, and the paths of Python and the working folder
            program="salmon",  # otherwise the absolute path of the script that was started
            x_transaction_log_flush_interval=1.0,  # of what a kill takes along; W&B's default is 15 s
            **RETRIES,
        )
        if mine:
            settings.sweep_id = mine.sweep_id
        self._run: wandb.Run | None = _start(
            tracking.wandb,
            project=agent.project if agent and agent.project else tracking.project,  # a sweep's runs lie in its project
            dir=str(wandb_dir),
            id=self.id,
            resume="allow",
            reinit="create_new",
            group=run.group,
            job_type=run.stage,
            tags=run.tags,
            name=run.name,
            config=redact({**run.config, "inputs": fingerprints, **(mine.parameters if mine else {})}),
            settings=settings,
        )
        self._folder = Path(self._run.settings.sync_dir)
        self._send(log_without_asking)
        self._send(self._define_axes)
        for artifact in run.inputs.values():
            self._send(partial(use, name=artifact.name, kind=artifact.stage, path=artifact.path))

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        self._send(lambda run: run.log({**metrics, f"{self.stage}/step": step}))

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int) -> None:
        table = wandb.Table(columns=list(columns), data=[list(row) for row in rows])
        self._send(lambda run: run.log({f"samples/{name}": table, f"{self.stage}/step": step}))

    def image(self, name: str, path: Path, step: int) -> None:
        self._send(lambda run: run.log({f"samples/{name}": wandb.Image(str(path)), f"{self.stage}/step": step}))

    def html(self, name: str, text: str) -> None:
        """Show a page as ``samples/<name>``."""
        page = wandb.Html(text, inject=False)  # the page brings its own style
        self._send(lambda run: run.log({f"samples/{name}": page}))

    def summary(self, values: Mapping[str, float]) -> None:
        self._send(lambda run: run.summary.update(dict(values)))

    def output(self, name: str, path: Path, metadata: dict[str, Any]) -> None:
        self._send(lambda run: log_output(run, name, self.stage, path, metadata))

    def finish(self, exit_code: int) -> None:
        self._send(partial(self._end, exit_code))
        self._run = None

    def _end(self, exit_code: int, run: wandb.Run) -> None:
        try:
            run.finish(exit_code=exit_code)
        except TimeoutError:
            log.warning(
                "W&B did not take everything within %.0f s; all of it is in %s. Send it when the server is "
                "back: wandb sync --include-online %s",
                FINISH_SECONDS,
                self._folder,
                self._folder,
            )

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


def _start(mode: WandbMode, **arguments: Any) -> wandb.Run:
    """``wandb.init``; offline where the server does not answer, since an unattended sweep must not stop for that."""
    with hidden_agent():
        try:
            return wandb.init(mode=mode.value, **arguments)
        except wandb.errors.CommError as error:
            if isinstance(error, wandb.errors.AuthenticationError) or _REFUSED.search(str(error)):
                raise SalmonError(f"W&B refused: {error}. {_REMEDY}") from error
            log.warning("W&B's server does not answer (%s); this run is written offline", " ".join(str(error).split()))
            wandb.teardown()  # the run that did not start still holds the id
            run = wandb.init(mode="offline", **arguments)
            log.warning("Send it when the server is back: wandb sync %s", run.settings.sync_dir)
            return run
        except (wandb.Error, ValueError) as error:  # ValueError: a setting, or a WANDB_* variable, that W&B refuses
            reason = shown(" ".join(str(error).split()), 300)
            raise SalmonError(f"W&B could not start {mode.value}: {reason}. {_REMEDY}") from error


def _run_id(work: Path, given: str | None) -> str:
    """This execution's id: kept in the work folder, so that an interrupted stage continues the same run.

    An agent's id comes first: its sweep waits for that run, also where another one was interrupted.
    """
    path = work / ID_FILE
    with storage_errors(work):
        kept = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
        if given is None and kept is not None and _ID.fullmatch(kept):
            return kept
        if given is None and kept is not None:
            log.warning("%s is damaged; in W&B the stage goes on as another run", path)
        run_id = given or uuid.uuid4().hex[:12]
        write_text_atomic(path, run_id)
    return run_id
