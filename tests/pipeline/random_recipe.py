"""A recipe from SFT to PPO on random weights of its model's true shape:
``python -m tests.pipeline.random_recipe +experiment=dromedary2_70b_one_gpu [OVERRIDES]``.

What is computed at a time is the recipe's, so memory is too; how much is computed in all is cut down to minutes. SFT
takes the exemplars and a program judges: a random model's own answers pass no filter, and its judgements are ties.
Prints each stage's time and peak beside the plan's.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.pipeline.pipeline import Pipeline
from salmon.plan.devices import GIB, this_device
from salmon.plan.planner import plan
from salmon.runtime.console import configure_console
from salmon.sampling.sampler import transformers_sampler
from tests.random_base import random_base

CUT = [
    "+experiment=self_judged",
    "prompts=bundled",
    "tracking=disabled",
    "stages=[sft,preferences,reward,ppo]",
    "sft.source=demonstrations",
    "sft.demonstrations=exemplars",
    "sft.train.epochs=1",
    "principles=verifiable",
    "preferences.judge.kind=verifier",
    "preferences.aggregation.language_veto=false",
    "preferences.num_prompts=16",
    "reward.train.epochs=1",
    "ppo.num_prompts=40",
    "ppo.held_out_prompts=8",
    "ppo.epochs=1",
    "ppo.rollout_batch=32",
    "ppo.minibatch=16",
    "ppo.inner_epochs=1",
]


def main(overrides: list[str]) -> None:
    register()
    configure_console()
    with tempfile.TemporaryDirectory() as folder:
        with initialize_config_dir(CONF, version_base="1.3"):
            composed = compose("config", [*CUT, f"paths.store={folder}/store", f"paths.wandb={folder}", *overrides])
        cfg = to_typed(composed, Config)
        resolved: Any = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
        pipeline = Pipeline(cfg, resolved, lambda: random_base(cfg.model, Path(cfg.paths.cache)), transformers_sampler)
        made = pipeline.run(lambda label: None)
        base, _, phases = plan(cfg, this_device())
        print(f"{cfg.model.name} on {base.device.name}\n{'stage':<12} {'s':>7} {'GiB':>7} {'plan':>7}")
        for execution in made:
            metrics = execution.artifact.metrics
            peaks = [
                (phase.peak if base.device.is_gpu else phase.needed(base.device)) / GIB
                for phase in phases
                if phase.stage == execution.label
            ]
            print(
                f"{execution.label:<12} {metrics['time/total_s']:7.0f} {metrics['perf/peak_memory_gib']:7.2f} "
                f"{max(peaks):7.2f}"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
