"""A page as a run of its own in W&B, in the group of the runs that it is about."""

from pathlib import Path

from salmon.config.run import TrackingConfig, WandbMode
from salmon.tracking.run_description import RunDescription

JOB_TYPE = "page"


def show_page(tracking: TrackingConfig, group: str, name: str, work: Path, html: str, wandb_dir: Path) -> None:
    """Give W&B a page; a page that is made again continues the run of the first.

    Args:
        work: folder that keeps the id of the run.
        html: without what must not leave this machine (``salmon.view.portable``).
        wandb_dir: folder that gets W&B's own ``wandb/`` folder.

    Raises:
        SalmonError: W&B cannot start.
    """
    if tracking.wandb is WandbMode.disabled:
        return
    from salmon.tracking.wandb_run import WandbRun  # wandb takes a second to import

    run = WandbRun(tracking, RunDescription(JOB_TYPE, work, {}, group, name, list(tracking.tags)), wandb_dir)
    run.html(JOB_TYPE, html)
    run.finish(0)
