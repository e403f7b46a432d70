"""The paper's recipes run through at the tiny size: NF4 base, LoRA, optimisers, stages and settings, with sizes cut."""

import json
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.models.loading import load_base
from salmon.pipeline.pipeline import Execution, Pipeline
from salmon.sampling.sampler import transformers_sampler

pytestmark = pytest.mark.slow

register()

# What model=tiny (conf/scale/tiny.yaml) does not cut, and sources that need no hub.
CUT = [
    "model=tiny",
    "prompts=bundled",
    "eval=mini",
    "tracking=disabled",
    "eval.tasks=[truthfulqa_mc1]",
    "eval.limit=1",
    "preferences.num_prompts=6",
    "preferences.aggregation.passes=2",
    "ppo.num_prompts=8",
    "ppo.epochs=1",
    "ppo.rollout_batch=4",
    "ppo.minibatch=2",
    "ppo.inner_epochs=2",
    "sft.num_prompts=2",
]
# What the recipes' models have and tiny has not.
QLORA = ["model.quantization=nf4", "model.gradient_checkpointing=true", "model.lora.r=64", "model.lora.alpha=16"]


def run(name: str, folder: Path, cache: Path) -> tuple[Config, dict[str, Execution]]:
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose(
            "config",
            [
                f"+experiment={name}",
                *CUT,
                *QLORA,
                f"paths.store={folder}/store",
                f"paths.wandb={folder}",
                f"paths.cache={cache}",
            ],
        )
    cfg = to_typed(composed, Config)
    container: Any = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    pipeline = Pipeline(cfg, container, lambda: load_base(cfg.model, cache), transformers_sampler)
    return cfg, {e.label: e for e in pipeline.run(lambda label: None)}


@pytest.mark.parametrize("name", ["dromedary2_70b", "dromedary2_70b_one_gpu"])
def test_a_recipe_runs_through(name: str, tmp_path: Path, tiny_cache: Path) -> None:
    """The other sizes compose to the same but for their model and how much is computed at a time: test_compose.py."""
    cfg, made = run(name, tmp_path, tiny_cache)
    assert list(made) == ["sft", "preferences", "reward", "ppo", "eval of sft", "eval of ppo"]
    expected = "paged_adamw_8bit" if name.endswith("one_gpu") else "paged_adamw_32bit"
    optims = (cfg.sft.train.optim, cfg.reward.train.optim, cfg.ppo.optim)
    assert {optim.optimizer.value for optim in optims} == {expected}
    metrics = made["ppo"].artifact.metrics
    assert metrics["objective/updates"] == 1
    rows = [json.loads(line) for line in (made["ppo"].artifact.path / "metrics.jsonl").read_text().splitlines()]
    (update,) = [row for row in rows if "policy/loss" in row]
    assert update["policy/optimiser_steps"] == 4  # two passes over two minibatches, as 576 / 288 x 2 in the paper
    assert abs(update["objective/kl"]) < 1e-4 and update["optim/grad_norm"] > 0
    principles = {key.split("/")[1] for row in rows for key in row if key.startswith("principle/")}
    assert len(principles) >= 3  # three sampled for each prompt
    assert made["ppo"].artifact.manifest["config"]["ppo"]["sampling"]["temperature"] == 0.7
