"""A stage that runs out of memory: phase, largest items, what to lower, and that the stage goes on with it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from salmon.config.run import Engine
from salmon.config.schema import Config
from salmon.distributed.world import World, use_world
from salmon.errors import SalmonError
from salmon.pipeline.pipeline import Pipeline
from salmon.plan.command import compose_config
from salmon.plan.out_of_memory import explained, phase_at, ran_out
from salmon.sampling.sampler import transformers_sampler
from salmon.sft import training as sft

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return compose_config(
        [
            "+experiment=self_judged",
            "model=tiny",
            "tracking=disabled",
            "stages=[sft]",
            f"paths.store={tmp_path / 'store'}",
            f"paths.wandb={tmp_path}",
            "sft.train.micro_batch_size=2",
            "dpo.train.micro_batch_size=2",
        ]
    )


def allocate(*_: object, **__: object) -> torch.Tensor:
    """More than any address space: the allocator's own error."""
    return torch.empty(10**15)


def test_torchs_own_errors_are_told_from_others() -> None:
    with pytest.raises(RuntimeError) as error:
        allocate()
    assert ran_out(error.value)
    assert ran_out(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."))
    assert ran_out(MemoryError())
    assert not ran_out(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_a_stage_out_of_memory_goes_on_with_what_the_message_says(
    config: Config, load_tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    step = sft.response_logprobs

    def third_time_fails(shared, batch, temperature):
        saved.append(len(batch))
        return step(shared, batch, temperature) if len(saved) < 3 else allocate()

    monkeypatch.setattr(sft, "response_logprobs", third_time_fails)
    with pytest.raises(SalmonError) as error:
        Pipeline(config, {}, load_tiny, transformers_sampler).run(lambda label: None)
    message = str(error.value)
    assert message.startswith("sft: out of memory in phase train (")
    for part in (
        "can't allocate memory",
        "By the plan sft train holds",
        "activations",
        "sft.train.micro_batch_size=1",
        "changes no result, and the same command",
    ):
        assert part in message, part
    assert message.index("model.gradient_checkpointing=true") < message.index("micro_batch_size=1")

    def counted(shared, batch, temperature):
        saved.append(len(batch))
        return step(shared, batch, temperature)

    monkeypatch.setattr(sft, "response_logprobs", counted)
    (partial,) = (Path(config.paths.store) / "sft").glob("*.partial")
    done = len(saved)
    lowered = replace(config, sft=replace(config.sft, train=replace(config.sft.train, micro_batch_size=1)))
    (execution,) = Pipeline(lowered, {}, load_tiny, transformers_sampler).run(lambda label: None)
    assert execution.artifact.path == partial.with_suffix(""), "the same fingerprint"
    assert set(saved[done:]) == {1}
    rows = execution.artifact.metrics["selfalign/demonstrations"]
    steps = config.sft.train.epochs * rows
    assert len(saved) - done == steps - 2 * 2, "two optimiser steps of two rows were done before"


def test_other_errors_stay_bugs(config: Config) -> None:
    with pytest.raises(RuntimeError, match="shapes"), explained(config, "sft", "sft"):
        raise RuntimeError("shapes differ")


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("eval", "eval: out of memory .*Lower eval.batch_size: that changes no result"),
        ("dpo", "By the plan dpo train holds .*dpo.train.micro_batch_size=1 "),
        ("best_of_n", "By the plan best_of_n sample holds .*ppo.sampling.batch_size=1 "),
    ],
)
def test_every_stage_names_its_settings(config: Config, stage: str, said: str) -> None:
    config.stages = ["dpo", "best_of_n", "eval"]
    with pytest.raises(SalmonError, match=said), explained(config, stage, stage):
        allocate()


class Fourth(World):
    rank, size = 3, 4


def test_of_several_processes_the_one_is_named_and_what_each_holds(config: Config) -> None:
    """Four share a batch of 12 rows; with the settings of one the micro-batch would be larger."""
    config.engine.kind = Engine.ddp
    config.sft.train.batch_size, config.sft.train.micro_batch_size = 12, 8
    with pytest.raises(SalmonError) as error, use_world(Fourth()), explained(config, "sft", "sft"):
        allocate()
    with pytest.raises(SalmonError) as alone, explained(config, "sft", "sft"):
        allocate()
    assert str(error.value).startswith("sft: out of memory in process 3 of 4 (")
    holds = re.compile(r"By the plan sft train holds ([\d.]+) GiB( in each process)? at its limits")
    (share, each), (whole, all_of_it) = (holds.search(str(e.value)).groups() for e in (error, alone))
    assert float(share) < 0.5 * float(whole) and (each, all_of_it) == (" in each process", None)


def test_a_model_without_a_plan_names_the_settings_too(config: Config, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    config.model.path = str(tmp_path)
    with pytest.raises(SalmonError, match="ppo.micro_batch_size, ppo.sampling.batch_size.*There is no plan"):
        with explained(config, "ppo", "ppo"):
            allocate()


@pytest.mark.parametrize(
    ("stage", "names", "expected"),
    [
        ("ppo", ["forward", "minibatch_gradients", "update", "run"], "train"),
        ("ppo", ["generate", "sample_responses", "collect_rollout"], "rollout"),
        ("ppo", ["by_row", "policy_logprobs", "collect_rollout"], "log-probs"),
        ("dpo", ["by_row", "policy_logprobs", "held_out_kl", "evaluate"], "log-probs"),
        ("dpo", ["pair_logprobs", "work", "map_resumable", "with_reference"], "reference"),
        ("best_of_n", ["generate", "sample_responses"], "sample"),
        ("ppo", ["score", "evaluate"], "score"),
        ("ppo", ["load_ppo_models", "run"], None),
        ("eval", ["fit"], None),
    ],
)
def test_the_innermost_function_tells_the_phase(stage: str, names: list[str], expected: str | None) -> None:
    assert phase_at(stage, names) == expected
