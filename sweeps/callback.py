"""Hydra's callback of every multirun: checks before the first job, what failed each, and a report at the end.

Hydra 1.3 does not call ``on_multirun_end`` where a job failed (the sweeper raises the first error once all jobs ran),
so the last report is made after Hydra. As jobs end it is brought up to date without its pictures.
"""

import logging
import sys
import traceback
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from salmon.config.run import TrackingConfig, WandbMode
from salmon.distributed.launch import started_rank
from salmon.errors import SalmonError
from salmon.runtime.console import configure_console
from salmon.runtime.exit_hooks import exit_hooks
from salmon.runtime.files import storage_errors, write_json_atomic
from sweeps.collect import FAILED
from sweeps.seeds import NO_SEEDS
from sweeps.settings import read_settings

log = logging.getLogger("salmon")


class SweepCallback(Callback):
    """Options: those of ``sweeps.settings.ReportSettings``; a wrong one is refused before the first job."""

    def __init__(self, **options: Any) -> None:
        self.settings = read_settings(options)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from sweeps.guard import check_grid, claim

        configure_console()
        if "slurm" in config.hydra.runtime.choices.get("hydra/launcher", ""):
            from sweeps.slurm import register_launcher

            register_launcher()
        folder = Path(config.hydra.sweep.dir).absolute()
        try:
            claim(folder, config)
        except SalmonError as error:
            sys.exit(f"salmon: {error}")  # of an Exception here Hydra makes a warning
        grid = check_grid(config)
        for cell, problem in grid.impossible.items():
            log.error("this job of the sweep cannot run, the others will: %s\n%s", cell, problem)
        for cells in grid.equal:
            log.error(
                "these jobs of the sweep have the same settings, so an axis of it changes nothing: %s", "; ".join(cells)
            )
        if not grid.seeded:
            log.warning("%s", NO_SEEDS)
        exit_hooks.append(partial(self.report, folder, last=True))
        exit_hooks.append(partial(self.show, folder, config))

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Forget how the job went when the sweep ran in this folder before."""
        if config.hydra.mode.name == "MULTIRUN" and not started_rank():
            (Path(config.hydra.runtime.output_dir) / "status.json").unlink(missing_ok=True)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        if config.hydra.mode.name == "MULTIRUN" and not started_rank():
            configure_console()  # a job in another process has not done it
            keep_error(Path(config.hydra.runtime.output_dir), job_return)
            self.report(Path(config.hydra.sweep.dir), last=False)

    def report(self, folder: Path, last: bool) -> None:
        """A report that cannot be made must not take results along, so every error ends here."""
        from sweeps.report import write_report

        again = f"The jobs' results are kept; make it with: python -m sweeps.report {folder}"
        try:
            write_report(folder, self.settings, last)
        except SalmonError as error:
            log.error("no report: %s. %s", str(error).rstrip("."), again)
        except Exception:
            log.error("no report, by a fault of the report:\n%s%s", traceback.format_exc(), again)

    def show(self, folder: Path, config: DictConfig) -> None:
        """Give W&B the study's page, in the group of its runs; as with the report, every error ends here."""
        from salmon.tracking.page_run import show_page
        from salmon.view.portable import without_places
        from salmon.view.render import html_of
        from sweeps.page.study import study_page

        tracking = OmegaConf.to_object(config.tracking)
        assert isinstance(tracking, TrackingConfig)
        if tracking.wandb is WandbMode.disabled:
            return
        try:
            html = html_of(without_places(study_page(folder)))
            place = Path(config.paths.wandb).expanduser()
            show_page(tracking, tracking.group or config.name, f"study-{folder.name}", folder, html, place)
        except SalmonError as error:
            log.error("W&B has no page of this study: %s", error)
        except Exception:
            log.error("W&B has no page of this study, by a fault of this program:\n%s", traceback.format_exc())


def keep_error(folder: Path, job_return: JobReturn) -> None:
    """Say what failed a job, since Hydra shows only the first error, and only at the end.

    Written to status.json too where the job failed before it could write one: its config was refused.
    """
    if job_return.status is not JobStatus.FAILED:
        return
    try:
        job_return.return_value  # noqa: B018  # raises what the job raised
    except Exception as error:
        message = str(error).strip().removeprefix("salmon: ") or type(error).__name__
        log.error("job %s failed: %s", folder.name, message)
        if not (folder / "status.json").exists():
            with storage_errors(folder):
                write_json_atomic(folder / "status.json", {"state": FAILED, "stage": None, "error": message})
