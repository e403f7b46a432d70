"""Log-probs that the sampler kept, in place of a pass of the policy: the same updates, only where they are the same."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from salmon.config.model import Dtype, Quantization
from salmon.config.ppo import AdvantageEstimator, PPOConfig, ValueInit
from salmon.data.rows import Prompt
from salmon.models.base import SharedModel
from salmon.ppo import passes
from salmon.ppo.models import POLICY, REFERENCE, load_ppo_models
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rollout import Rollout, collect_rollout
from salmon.ppo.sampled_logprobs import sampled_logprobs, why_computed_again
from salmon.ppo.setup import RolloutSetup
from salmon.principles.bank import load_bank
from salmon.tracking.metrics_file import read_metrics
from tests.ppo.five_updates import config

PROMPTS = [Prompt(str(number), text) for number, text in enumerate(["Name a fish.", "Hi", "Why is the sky blue?"])]
BATCH = PromptBatch(PROMPTS, [("kept", number) for number in range(len(PROMPTS))])


@pytest.fixture(params=[AdvantageEstimator.gae, AdvantageEstimator.rloo], ids=lambda kind: kind.value)
def setup(request, tiny: SharedModel, ppo_folders, ppo_config, rollout_setup, randomise) -> RolloutSetup:
    """A policy that has left the reference, with a value model and without."""
    ppo: PPOConfig = ppo_config(advantage=request.param, answers_per_prompt=2)
    value = ValueInit.reward if request.param.has_value_model else None
    models = load_ppo_models(tiny, *ppo_folders, value)
    randomise(models.shared, POLICY, seed=9)
    return rollout_setup(models, ppo, load_bank("verifiable_11"))


def read_by(rollout: Callable[[], Rollout], monkeypatch: pytest.MonkeyPatch) -> tuple[Rollout, list[str]]:
    """The rollout, and the roles that read its responses."""
    roles: list[str] = []
    real = passes.by_row

    def counted(shared: Any, batch: Any, adapters: Any, *rest: Any) -> Any:
        roles.extend(adapters)
        return real(shared, batch, adapters, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(passes, "by_row", counted)
        return rollout(), roles


def test_they_are_what_the_policy_would_compute_again_and_it_reads_nothing(setup: RolloutSetup, monkeypatch) -> None:
    again, both = read_by(lambda: collect_rollout(setup, BATCH, 1, kl_coefficient=0.5), monkeypatch)
    keeping = replace(setup, keeps_logprobs=True)
    kept, others = read_by(lambda: collect_rollout(keeping, BATCH, 1, kl_coefficient=0.5), monkeypatch)
    assert both == [POLICY, *others] and others[0] == REFERENCE
    torch.testing.assert_close(kept.logprobs, again.logprobs, atol=1e-5, rtol=1e-5)
    assert torch.equal(kept.logprobs, sampled_logprobs(kept.scored.responses, kept.batch))
    assert torch.equal(kept.reference_logprobs, again.reference_logprobs)
    torch.testing.assert_close(kept.advantages, again.advantages, atol=1e-3, rtol=1e-3)
    assert again.metrics["objective/kl"] > 0.1, "a policy at its reference would show nothing"


def test_what_is_not_known_then_is_estimated_or_left_out(setup: RolloutSetup) -> None:
    again = collect_rollout(setup, BATCH, 1, kl_coefficient=0.5).metrics
    kept = collect_rollout(replace(setup, keeps_logprobs=True), BATCH, 1, kl_coefficient=0.5)
    assert again.keys() - kept.metrics.keys() == {"sampler/logprob_difference"}
    tokens = kept.batch.mask.sum()
    assert kept.metrics["objective/entropy"] == pytest.approx((-kept.logprobs.sum() / tokens).item())
    same = kept.metrics.keys() - {"objective/entropy"} - {name for name in kept.metrics if name.startswith("time/")}
    assert {name: kept.metrics[name] for name in same} == pytest.approx({n: again[n] for n in same}, abs=1e-3, rel=1e-3)


def test_padding_is_zero(setup: RolloutSetup) -> None:
    rollout = collect_rollout(replace(setup, keeps_logprobs=True), BATCH, 1, kl_coefficient=0.5)
    assert not rollout.logprobs[rollout.batch.mask == 0].any()


@pytest.mark.parametrize(
    ("base", "overrides", "reason"),
    [
        ({}, [], None),
        ({"dtype": Dtype.bfloat16}, [], "not in fp32"),
        ({"quantization": Quantization.nf4}, [], "not in fp32"),
        ({}, ["rollout=vllm"], "rollout=vllm samples from weights of its own"),
    ],
)
def test_where_they_are_not_the_policy_s_it_is_said_why(
    load_tiny, base: dict[str, Any], overrides: list[str], reason: str | None
) -> None:
    found = why_computed_again(config(*overrides), load_tiny(**base))
    assert found is None if reason is None else reason in (found or "")


@pytest.mark.parametrize(("overrides", "kept"), [((), True), (("rollout=vllm",), False)])
def test_the_stage_keeps_them_only_where_it_is_said_that_it_may(train, caplog, overrides, kept: bool) -> None:
    caplog.set_level(logging.INFO, "salmon")
    again = train("again", *overrides)
    assert "keep_sampled_logprobs" not in caplog.text
    asked = train("asked", *overrides, "ppo.keep_sampled_logprobs=true")
    assert ("ppo.keep_sampled_logprobs: they are computed again, rollout=vllm" in caplog.text) != kept
    updates, expected = (
        [row for row in read_metrics(context.work / "metrics.jsonl") if "policy/loss" in row]
        for context in (asked, again)
    )
    assert [("sampler/logprob_difference" in row) != kept for row in updates] == [True] * len(expected)
    assert updates[-1]["objective/kl_k3"] == pytest.approx(expected[-1]["objective/kl_k3"], rel=1e-2)
    assert expected[-1]["objective/kl_k3"] > 1e-6, "the policy has moved"
