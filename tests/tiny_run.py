"""Every training stage on the tiny model, in this process and in seconds; what the stages' tests read.

Nothing in it hangs on a close call: a program judges, and the policy's own text decides no label by a rounding error.
"""

import json
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.models.base import SharedModel
from salmon.models.loading import load_base
from salmon.pipeline.pipeline import Execution, Pipeline
from salmon.sampling.sampler import transformers_sampler
from tests.ends import end_with

STAGES = ("sft", "preferences", "reward", "ppo", "dpo", "best_of_n")
SETTINGS = (
    "+experiment=self_judged",
    "model=tiny",
    "tracking=disabled",
    f"stages=[{','.join(STAGES)}]",
    "principles=verifiable",
    "sft.train.epochs=1",
    "preferences.judge.kind=verifier",
    "preferences.num_prompts=64",
    "reward.pretrain.data=parametric",
    "reward.pretrain.train.batch_size=4",
    "reward.probe.every=2",
    "ppo.num_prompts=12",
    "ppo.held_out_prompts=4",
    "ppo.epochs=5",
    "ppo.sampling.max_new_tokens=8",
    "ppo.rollout_batch=4",
    "ppo.minibatch=2",
    "ppo.eval_every=5",
    "ppo.keep_every=5",
    "ppo.optim.lr=4e-4",
    "ppo.optim.schedule=constant",
    "ppo.lam=0.95",
    "ppo.gamma=0.98",
    "ppo.clip_range=0.02",
    "ppo.clip_range_value=0.1",
    "ppo.kl.coefficient=0.1",
    "ppo.kl.adaptive=true",
    "ppo.kl.target=0.5",
    "ppo.kl.horizon=100",
    "ppo.shaping.center=true",
    "dpo.train.epochs=1",
    "best_of_n.n=3",
)
UPDATES = 10  # of PPO: five epochs over 8 prompts, 4 at a time


def tiny_config(folder: Path, *overrides: str) -> tuple[Config, dict[str, Any]]:
    """The settings above, with the store in ``folder``; typed, and as plain containers."""
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose("config", [*SETTINGS, f"paths.store={folder}/store", f"paths.wandb={folder}", *overrides])
    resolved: Any = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    return to_typed(composed, Config), resolved


def run_tiny(folder: Path, cache: Path, *overrides: str) -> dict[str, Execution]:
    """Run the stages in ``folder``, or find them finished there; by stage."""
    cfg, resolved = tiny_config(folder, *overrides)
    pipeline = Pipeline(cfg, resolved, lambda: _base(cfg, cache), transformers_sampler)
    return {execution.label: execution for execution in pipeline.run(lambda label: None)}


def _base(cfg: Config, cache: Path) -> SharedModel:
    """The base with an end token that a random policy does write, so that lengths differ."""
    shared = load_base(cfg.model, cache)
    end_with(shared, "_")
    return shared


def metrics_of(execution: Execution) -> list[dict[str, float]]:
    """The rows of its metrics.jsonl."""
    return rows_of(execution, "metrics")


def rows_of(execution: Execution, name: str) -> list[dict[str, Any]]:
    """The rows of one of its JSONL files."""
    return [json.loads(line) for line in (execution.artifact.path / f"{name}.jsonl").read_text().splitlines()]
