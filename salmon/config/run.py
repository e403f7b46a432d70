"""Settings of a run: its processes, its tracking, its folders."""

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import cosmetic


class Engine(Enum):
    """Which processes a job runs in (salmon/distributed/world.py)."""

    single = "single"  # one
    ddp = "ddp"  # one a GPU, each with the whole model
    zero2 = "zero2"  # the same, with gradients and optimiser state split over them (DeepSpeed)
    zero3 = "zero3"  # the base's weights split as well

    @property
    def splits_state(self) -> bool:
        return self in (Engine.zero2, Engine.zero3)


class WandbMode(Enum):
    offline = "offline"
    online = "online"
    disabled = "disabled"


# Stages that a job has once; it evaluates more than one policy.
SweepStage = Enum("SweepStage", ["sft", "preferences", "reward", "ppo", "dpo", "best_of_n"])


@dataclass
class EngineConfig:
    kind: Engine = cosmetic()
    uneven: bool = cosmetic()  # true: batches need not divide by the processes; some then wait in each step


@dataclass
class LaunchConfig:
    gpus_per_job: int = cosmetic()  # of a multirun whose jobs run side by side; 0 = each job sees all of them


@dataclass
class TrackingConfig:
    wandb: WandbMode = MISSING
    project: str = MISSING
    group: str | None = MISSING  # null = the pipeline's name
    tags: list[str] = MISSING  # besides model, principle set and stage
    sample_rows: int = MISSING  # rows of each sample table
    sweep_stage: SweepStage = MISSING  # whose run is that of the W&B sweep agent, where one started the job


@dataclass
class PathsConfig:
    store: str = MISSING  # artifact store
    wandb: str = MISSING  # folder that gets W&B's own "wandb/" folder
    cache: str = MISSING  # converted weights of bundled models
