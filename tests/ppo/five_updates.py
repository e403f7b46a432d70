"""The stage ``ppo`` alone, on random models: five updates in a second, which may be killed on the way."""

from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from hydra import compose, initialize_config_dir

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.runtime.files import file_digest
from salmon.tracking.tracker import Tracker

FIVE_UPDATES = (
    "ppo.num_prompts=12",
    "ppo.held_out_prompts=2",
    "ppo.epochs=1",
    "ppo.rollout_batch=2",
    "ppo.minibatch=2",
    "ppo.inner_epochs=1",
    "ppo.sampling.max_new_tokens=4",
    "ppo.save_every=3",
    "ppo.eval_every=9",
)


def config(*overrides: str) -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(
            compose("config", overrides=["+experiment=self_judged", "model=tiny", *FIVE_UPDATES, *overrides]), Config
        )


class KilledTracker(Tracker):
    """Ends the run where it would log an update."""

    at = 0

    def log(self, step: int, metrics: Mapping[str, SupportsFloat]) -> None:
        if step == self.at:
            raise KeyboardInterrupt
        super().log(step, metrics)


def adapters(work: Path) -> dict[str, str]:
    return {str(file.parent.relative_to(work)): file_digest(file) for file in work.rglob("adapter_model.safetensors")}
