"""Settings of a run: its processes, its tracking, its folders."""

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import file, setting
from salmon.config.texts import group_problem, label_problem, project_problem


class Engine(Enum):
    """Which processes a job runs in (salmon/distributed/world.py)."""

    single = "single"  # one process
    ddp = "ddp"  # one process a GPU, each with the whole model
    zero2 = "zero2"  # as ddp, with gradients and optimiser state split over the processes (DeepSpeed)
    zero3 = "zero3"  # as zero2, with the base's weights split as well

    @property
    def splits_state(self) -> bool:
        return self in (Engine.zero2, Engine.zero3)


class WandbMode(Enum):
    offline = "offline"  # runs are written to disk, to be uploaded later
    online = "online"
    disabled = "disabled"  # no W&B; metrics.jsonl and the tables of samples are written all the same


# Stages that a job has once; it evaluates more than one policy.
SweepStage = Enum("SweepStage", ["sft", "preferences", "reward", "ppo", "dpo", "best_of_n"])


@dataclass
class EngineConfig:
    kind: Engine = setting(cosmetic=True)
    # Accept batches that do not divide by the number of processes; some processes then wait in each step.
    uneven: bool = setting(cosmetic=True)


@dataclass
class LaunchConfig:
    # GPUs of each job of a multirun whose jobs run side by side; 0 = every job sees all GPUs.
    gpus_per_job: int = setting(cosmetic=True, at_least=0)


@dataclass
class TrackingConfig:
    wandb: WandbMode = MISSING
    project: str = setting(text=project_problem)  # W&B project
    group: str | None = setting(text=group_problem)  # W&B group; null = the pipeline's name
    tags: list[str] = setting(text=label_problem)  # W&B tags besides model, principle set and stage
    sample_rows: int = setting(at_least=0)  # rows of each table of samples
    sweep_stage: SweepStage = MISSING  # stage whose run reports to a W&B sweep agent that started the job


class OnDamage(Enum):
    """What happens when a finished artifact is not as it was made."""

    stop = "stop"
    remake = "remake"  # it is set aside and made again


@dataclass
class PathsConfig:
    store: str = file()  # folder of the artifact store
    on_damage: OnDamage = MISSING  # when an artifact in it was changed or is cut
    wandb: str = file()  # folder that gets W&B's own "wandb/" folder
    cache: str = file()  # folder of converted weights of bundled models
