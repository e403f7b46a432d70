"""Stages that begin with an adapter from elsewhere, or take it as it is; through the command line's pipeline."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.convert import convert
from salmon.errors import SalmonError
from salmon.models.loading import load_base
from salmon.pipeline.pipeline import Execution, Pipeline
from salmon.sampling.sampler import transformers_sampler
from tests.released import peft_model, write_adapter, write_head

pytestmark = pytest.mark.slow

register()


@pytest.fixture(scope="module")
def given(tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy and a reward model of the original project's layout, converted."""
    folder = tmp_path_factory.mktemp("given")
    write_adapter(folder / "delta", peft_model(tiny_cache, 0))
    write_adapter(folder / "rm" / "adapter_model" / "lora_default", peft_model(tiny_cache, 1))
    write_head(folder / "rm" / "reward_head", 128, seed=1)
    convert(folder / "delta", folder / "policy")
    convert(folder / "rm", folder / "reward")
    return folder


def run(folder: Path, cache: Path, *words: str) -> dict[str, Execution]:
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose(
            "config",
            [
                "+experiment=self_judged",
                "model=tiny",
                "tracking=disabled",
                f"paths.store={folder}/store",
                f"paths.wandb={folder}",
                "model.lora.r=8",
                "model.lora.alpha=16",
                "ppo.principles.per_prompt=1",
                *words,
            ],
        )
    cfg = to_typed(composed, Config)
    resolved: dict[str, Any] = {"reward": {"max_length": cfg.reward.max_length}}
    return {
        e.label: e
        for e in Pipeline(cfg, resolved, lambda: load_base(cfg.model, cache), transformers_sampler).run(
            lambda label: None
        )
    }


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.float() for name, tensor in load_file(folder / "adapter_model.safetensors").items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


TAKEN = ("sft.train.epochs=0", "reward.train.epochs=0", "reward.pretrain.data=null")


def test_ppo_goes_on_from_a_policy_and_a_reward_model_of_others(given: Path, tiny_cache: Path, tmp_path: Path) -> None:
    starts = (
        f"sft.start={given / 'policy'}",
        f"reward.start={given / 'reward'}",
        *TAKEN,
        "stages=[sft,reward,ppo]",
        "ppo.epochs=1",
    )
    made = run(tmp_path, tiny_cache, *starts)
    assert list(made) == ["sft", "reward", "ppo"]  # no preferences were needed
    assert same(tensors(made["sft"].artifact.path / "policy"), tensors(given / "policy"))
    assert same(tensors(made["reward"].artifact.path / "reward"), tensors(given / "reward"))
    heads = [
        load_file(folder / "scalar_head.safetensors")
        for folder in (made["reward"].artifact.path / "reward", given / "reward")
    ]
    assert same(*heads)
    assert made["reward"].artifact.manifest["upstream"] == {}
    assert made["ppo"].artifact.metrics["objective/updates"] >= 1
    assert not same(tensors(made["ppo"].artifact.path / "last" / "policy"), tensors(given / "policy"))
    config = json.loads((made["ppo"].artifact.path / "last" / "policy" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["base_model_name_or_path"]) == (8, 16, "random:tiny")
    assert all(e.reused for e in run(tmp_path, tiny_cache, *starts).values())
    moved = tmp_path / "moved"
    (given / "reward").rename(moved)
    try:  # its content is what counts
        again = run(tmp_path, tiny_cache, *starts[:1], f"reward.start={moved}", *TAKEN, "stages=[sft,reward]")
        assert all(e.reused for e in again.values())
    finally:
        moved.rename(given / "reward")


def test_sft_trains_on_from_it(given: Path, tiny_cache: Path, tmp_path: Path) -> None:
    words = (f"sft.start={given / 'policy'}", "stages=[sft]", "sft.num_prompts=2", "sft.train.optim.lr=1e-4")
    trained = tensors(run(tmp_path, tiny_cache, *words)["sft"].artifact.path / "policy")
    start = tensors(given / "policy")
    assert not same(trained, start)
    distance = max((trained[name] - start[name]).abs().max().item() for name in start)
    assert distance < 1e-3  # a few steps of 1e-4 at most; a new adapter's would differ by the start's own size
    assert max(tensor.abs().max().item() for tensor in start.values()) > 0.1


def test_an_artifact_of_the_store_is_a_start_too(given: Path, tiny_cache: Path, tmp_path: Path) -> None:
    first = run(tmp_path, tiny_cache, f"sft.start={given / 'policy'}", TAKEN[0], "stages=[sft]")["sft"].artifact
    second = run(tmp_path / "other", tiny_cache, f"sft.start={first.path}", TAKEN[0], "stages=[sft]")["sft"].artifact
    assert same(tensors(first.path / "policy"), tensors(second.path / "policy"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sft.train.epochs=0"], r"sft.train.epochs=0 must be at least 1, or give sft.start=FOLDER"),
        (
            ["reward.train.epochs=0", "reward.pretrain.data=null"],
            r"reward.train.epochs=0 must be at least 1, or give reward.start=FOLDER",
        ),
        (["reward.pretrain.train.epochs=0"], r"reward.pretrain.train.epochs=0 must be at least 1$"),
        (["dpo.train.epochs=0"], r"dpo.train.epochs=0 must be at least 1$"),
        (
            ["reward.start=GIVEN/reward", "reward.train.epochs=0", "reward.pretrain.data=mismatched"],
            "reads no judged rows: set reward.pretrain.data to null or to parametric$",
        ),
        (["sft.start=GIVEN/nothing"], "GIVEN/nothing: there is no adapter"),
        (["sft.start=GIVEN/delta"], "adapter_model.bin is a pickle"),
        (
            ["sft.start=GIVEN/policy", "model.lora.r=4"],
            "has r=8 and lora_alpha=16.*set model.lora.r=8 model.lora.alpha=16",
        ),
        (
            ["reward.start=GIVEN/policy", *TAKEN[1:], "stages=[reward]"],
            "has the adapter but no scalar_head",
        ),
        (
            ["reward.start=GIVEN/reward", *TAKEN[1:], "stages=[reward]", "reward.layers=1"],
            "reward.layers=1, but the model in .* has null: set reward.layers=null",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    given: Path, tiny_cache: Path, tmp_path: Path, words: list[str], message: str
) -> None:
    words = [word.replace("GIVEN", str(given)) for word in words]
    with pytest.raises(SalmonError, match=message.replace("GIVEN", str(given))):
        run(tmp_path, tiny_cache, "stages=[sft]", *words)
