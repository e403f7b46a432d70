"""Sampling through a merged copy: the same answers, in which no row hears of its neighbours."""

import logging
from collections.abc import Callable
from dataclasses import replace

import pytest

from salmon.config.sampling import SamplingSettings
from salmon.data.rows import Prompt
from salmon.models import merged_copy
from salmon.models.base import SharedModel
from salmon.pipeline.job import response_sampler
from salmon.plan.command import compose_config
from salmon.sampling.responses import Response, sample_responses
from salmon.sampling.sampler import MIN_STEPS, MergingSampler, Sampler, transformers_sampler

PROMPTS = [Prompt("a", "Name a fish."), Prompt("b", "Why do salmon leap up waterfalls?"), Prompt("c", "Hi")]
KEYS = [(0, prompt.id) for prompt in PROMPTS]
SAMPLING = SamplingSettings(temperature=0.7, top_p=1.0, max_new_tokens=MIN_STEPS, batch_size=3)


@pytest.fixture
def policy(tiny: SharedModel, randomise: Callable[..., None]) -> SharedModel:
    tiny.add_adapter("policy", seed=0)
    randomise(tiny, "policy", seed=1)
    return tiny


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The adapters that were merged."""
    made: list[str | None] = []
    make = merged_copy.merged_copy
    monkeypatch.setattr(
        merged_copy, "merged_copy", lambda shared, adapter: made.append(adapter) or make(shared, adapter)
    )
    return made


def sampled(
    sampler: Sampler, shared: SharedModel, adapter: str | None = "policy", batch_size: int = 3, steps: int = MIN_STEPS
) -> list[Response]:
    settings = replace(SAMPLING, batch_size=batch_size, max_new_tokens=steps)
    return sample_responses(sampler, shared, adapter, PROMPTS, settings, KEYS)


@pytest.mark.parametrize("adapter", ["policy", None])
def test_the_same_answers(policy: SharedModel, copies: list[str | None], adapter: str | None) -> None:
    plain = sampled(transformers_sampler, policy, adapter)
    for batch_size in (1, 2, 3):
        merged = sampled(MergingSampler(), policy, adapter, batch_size)
        assert [r.ids for r in merged] == [r.ids for r in plain]
        for one, two in zip(merged, plain, strict=True):
            assert one.logprobs == pytest.approx(two.logprobs, abs=1e-4)
    assert copies == [adapter] * 3


def test_no_copy_for_a_few_tokens(policy: SharedModel, copies: list[str | None]) -> None:
    """Three batches of so many steps are enough, one is not."""
    few = MIN_STEPS // 2
    assert sampled(MergingSampler(), policy, steps=few) == sampled(transformers_sampler, policy, steps=few)
    assert copies == []
    sampled(MergingSampler(), policy, steps=few, batch_size=1)
    assert copies == ["policy"]


def test_without_memory_it_goes_on_and_says_so_once(
    policy: SharedModel, copies: list[str | None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(merged_copy, "available_memory", lambda: 0)
    sampler = MergingSampler()
    with caplog.at_level(logging.INFO, "salmon"):
        assert sampled(sampler, policy) == sampled(sampler, policy) == sampled(transformers_sampler, policy)
    assert copies == []
    (said,) = [record.getMessage() for record in caplog.records if "merged_copy" in record.getMessage()]
    assert "GiB of memory are free" in said


@pytest.mark.parametrize(("override", "kind"), [("merged_copy=true", MergingSampler), ("merged_copy=false", object)])
def test_the_setting_decides(override: str, kind: type) -> None:
    with response_sampler(compose_config(["model=tiny", f"rollout.{override}"])) as sampler:
        assert isinstance(sampler, kind) and (sampler is transformers_sampler) == (kind is object)
