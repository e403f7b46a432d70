"""What the pipeline knows of the stage ``eval``; importing it is cheap."""

from pathlib import Path

from eval.identity import evaluation_identity
from eval.results import VERSION as FIGURES_VERSION
from salmon.config.schema import Config
from salmon.stage.spec import StageSpec

POLICIES = ("sft", "ppo", "dpo")  # stages that make policies, which are compared with the first one's
REWARD_TASKS = {"principle_following", "pairs"}  # that measure reward models
NO_POLICY = {"principle_following"}  # of those, what measures nothing else


def subjects(cfg: Config) -> tuple[str, ...]:
    """Stages that the configured tasks are about; the first is what others are compared with."""
    tasks = set(cfg.eval.tasks)
    return (() if tasks == NO_POLICY else POLICIES) + (("reward",) if tasks & REWARD_TASKS else ())


def check(cfg: Config) -> None:
    """Read the benchmarks' and the user's files.

    Raises:
        SalmonError: one is missing or malformed.
    """
    from eval.inputs import check_files

    check_files(cfg.eval, Path(cfg.paths.cache).expanduser())


SPEC = StageSpec(
    "eval",
    FIGURES_VERSION,
    "eval.stage",
    ("checkpoint",),
    evaluation_identity,
    subjects=subjects,
    overview="eval.overview:draw_overview",
    conclusions="eval.overview:conclude",
    preflight="eval.preflight",
    check=check,
)
